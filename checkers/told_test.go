package checkers

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestAToldCheckSaysWhatItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		s := runSet(t, j.report, 16)
		web := func(name string) Config {
			return Config{Name: name, Checker: Told{"bfd/web1"}, Interval: time.Second, Timeout: time.Second, Rise: 1, Fall: 1}
		}
		s.Configure([]Config{web("shop"), everySecond("other", new(server))})
		after(10 * time.Second)
		j.want(t, "other up")
		if st := s.Status()[0]; st.State != Unknown || st.Last != nil {
			t.Errorf("nothing was told, and the status is %+v", st)
		}
		s.Tell("bfd/web2", errors.New("no answer"))
		s.Tell("bfd/web1", nil)
		after(0)
		j.want(t, "shop up")
		s.Tell("bfd/web1", errors.New("the neighbour is not heard"))
		after(0)
		j.want(t, "shop down: the neighbour is not heard")

		s.Configure([]Config{web("shop"), web("mail")}) // which hears at once what was told before
		after(0)
		j.want(t, "mail down: the neighbour is not heard")
		s.Tell("bfd/web1", nil)
		after(0)
		if got := j.told(); len(got) != 2 {
			t.Errorf("reports are %v, want one for each of the two checks", got)
		}
		if n := len(s.Recent("shop")); n != 3 {
			t.Errorf("%d outcomes are kept, want the 3 that were told", n)
		}
		s.Configure(nil)
		s.Configure([]Config{web("shop")})
		after(0)
		j.want(t, "shop up")
	})
}
