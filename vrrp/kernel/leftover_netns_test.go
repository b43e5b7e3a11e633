//go:build netns

package kernel

import (
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLeftoversOfADeadProcessAreAdoptedReleasedOrSwept(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	dead := l.config("web", 51, "192.0.2.10/24", "192.0.2.11/24", "192.0.2.12/24", "2001:db8::12/64")
	predecessor := NewHost(newHost(t).log)
	must(t, predecessor.Attach(dead, newRecorder()))
	must(t, predecessor.Hold(dead, true)) // and dies
	predecessor.ledger.close()
	t.Cleanup(predecessor.dropAllPorts)

	h, r := newHost(t), newRecorder()
	adopted, released := l.config("adopted", 51, "192.0.2.10/24"), l.config("released", 52, "192.0.2.11/24")
	must(t, h.Attach(adopted, r))
	must(t, h.Attach(released, newRecorder()))
	if got := r.primary(); got != sourceAddr {
		t.Errorf("source %s, want %s and no leftover", got, sourceAddr)
	}
	withoutPrivileges(t, func() {
		h.ledger.close() // what was opened with privileges keeps them
		swept, err := h.Sweep()
		if !errors.Is(err, os.ErrPermission) || len(swept) != 0 {
			t.Errorf("Sweep = %v, %v; want no addresses, as none is gone, and the reason", swept, err)
		}
		h.ledger.close()
	})
	swept, err := h.Sweep()
	must(t, err)
	if diff := cmp.Diff([]string{"192.0.2.12/24", "2001:db8::12/64"}, []string{swept[0].String(), swept[1].String()}); len(swept) != 2 || diff != "" {
		t.Errorf("swept (-want +got):\n%s", diff)
	}
	l.expect("192.0.2.1/24", "192.0.2.10/24", "192.0.2.11/24")
	must(t, h.Hold(released, false)) // what a backup does when it begins
	l.expect("192.0.2.1/24", "192.0.2.10/24")
	must(t, h.Hold(adopted, true))
	must(t, h.Hold(adopted, false))
	l.expect("192.0.2.1/24")
}

// dropAllPorts is what the death of the process does to sockets.
func (h *Host) dropAllPorts() {
	for _, p := range h.ports {
		p.close()
	}
}

func TestDetachReleasesWhatIsStillHeld(t *testing.T) {
	l := newLAN(t)
	c := l.config("web", 51, "192.0.2.10/24")
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	must(t, h.Hold(c, true))
	h.Detach("web")
	h.Detach("web")
	l.expect()
	if len(h.ports) != 0 {
		t.Errorf("%d sockets are open after the last router is gone", len(h.ports))
	}
}

func TestLackOfPrivilegesIsSaid(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	c := l.config("web", 51, "192.0.2.10/24")
	h := newHost(t)
	withoutPrivileges(t, func() {
		err := h.Attach(c, newRecorder())
		if !errors.Is(err, os.ErrPermission) || !contains(err, "attach web: open a VRRP socket on "+l.near) {
			t.Errorf("Attach = %v", err)
		}
	})
	must(t, h.Attach(c, newRecorder()))
	withoutPrivileges(t, func() {
		err := h.Hold(c, true)
		if !errors.Is(err, os.ErrPermission) || !contains(err, "add 192.0.2.10/24 on "+l.near) {
			t.Errorf("Hold = %v", err)
		}
	})
	l.expect("192.0.2.1/24")
	must(t, h.Hold(c, true)) // no harm is left
	withoutPrivileges(t, func() {
		err := h.Hold(c, false)
		if !errors.Is(err, os.ErrPermission) || !contains(err, "remove 192.0.2.10/24 on "+l.near) {
			t.Errorf("Hold = %v", err)
		}
	})
	must(t, h.Hold(c, false))
	l.expect("192.0.2.1/24")
}

func TestHoldBeforeAttachReadsTheKernel(t *testing.T) {
	l := newLAN(t)
	c := l.config("web", 51, "192.0.2.10/24")
	h := newHost(t)
	must(t, h.Hold(c, true))
	l.expect("192.0.2.10/24")
	must(t, h.Hold(c, false))
	l.expect()
	if swept, err := NewHost(h.log).Sweep(); err != nil || len(swept) != 0 {
		t.Errorf("Sweep = %v, %v; nothing is left", swept, err)
	}
}
