package kernel

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestInterruptedListIsMadeAgain(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		name  string
		errs  []error // of the attempts; the last one stays
		tries int
		want  error
	}{
		{"at once", []error{nil}, 1, nil},
		{"after two changes", []error{errInterrupted, fmt.Errorf("list: %w", errInterrupted), nil}, 3, nil},
		{"another error", []error{errInterrupted, broken}, 2, broken},
		{"changes that do not end", []error{errInterrupted}, dumpTries, errInterrupted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tries := 0
			err := whole(func() error {
				tries++
				return tt.errs[min(tries, len(tt.errs))-1]
			})
			if !errors.Is(err, tt.want) || tries != tt.tries {
				t.Errorf("%v after %d attempts, want %v after %d", err, tries, tt.want, tt.tries)
			}
		})
	}
}

func TestInterruptedAttemptAddsNothingToTheList(t *testing.T) {
	attempts := [][]uint16{{1, 2, 3}, {2}}
	list := func(each func(message)) error {
		types := attempts[0]
		attempts = attempts[1:]
		for _, typ := range types {
			each(message{typ: typ})
		}
		if len(attempts) > 0 {
			return errInterrupted
		}
		return nil
	}
	got, err := listWhole(list, func(m message) (uint16, bool) { return m.typ, true })
	if diff := cmp.Diff([]uint16{2}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
