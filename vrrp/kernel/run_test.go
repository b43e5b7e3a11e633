package kernel

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestComplaintTellsTheWholeNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		c := complaint{log: slog.New(slog.NewTextHandler(&out, nil))}
		lost, gone := repair{restored: []want{{ifname: "eth0"}}}, errors.New("no such device")
		c.add(lost, nil)
		for range 3 { // within complainEvery
			c.add(lost, nil)
			c.add(repair{}, gone)
		}
		time.Sleep(complainEvery)
		c.add(repair{}, nil) // all is well for a while
		c.add(repair{}, gone)
		time.Sleep(complainEvery)
		c.add(lost, nil)
		for _, line := range []string{"put back\" count=1 ", "attempts=4 ", "put back\" count=4 "} {
			if !strings.Contains(out.String(), line) {
				t.Errorf("no line with %s in\n%s", line, &out)
			}
		}
	})
}
