package ipvs

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAppsOfTheKernelAreHelpers(t *testing.T) {
	for _, c := range []struct {
		text string
		want []Helper
	}{
		{"prot port    usecnt name\n", nil},
		{"prot port    usecnt name\nTCP  21      3      ftp              \n", []Helper{{Name: "ftp", Ports: "21"}}},
		{"prot port    usecnt name\nTCP  2121    0      ftp\nTCP  21      0      ftp\nUDP  69      0      other\nTCP", []Helper{{Name: "ftp", Ports: "21,2121"}, {Name: "other", Ports: "69"}}},
	} {
		if d := cmp.Diff(c.want, parseApps(c.text)); d != "" {
			t.Errorf("%q (-want +got)\n%s", c.text, d)
		}
	}
}

func TestHelperCoversItsPortsAlone(t *testing.T) {
	for _, c := range []struct {
		have, want string
		covers     bool
	}{
		{"21", "21", true}, {"21,2121", "2121", true}, {"2121", "21", false}, {"", "21", false}, {"21", "21,2121", false}, {"212", "21", false},
	} {
		if got := (Helper{Ports: c.have}).covers(Helper{Ports: c.want}); got != c.covers {
			t.Errorf("%q covers %q: %t", c.have, c.want, got)
		}
	}
}

// ftpHost wants the helper for a service at these ports.
func ftpHost(ports string) HostConfig {
	return HostConfig{Helpers: []Helper{{Name: "ftp", Ports: ports, For: `virtual_server "files"`}}}
}

func TestKeeperLoadsHelpersAndTellsWhatTheyNeed(t *testing.T) {
	const load = "load helper ftp for the ports 21"
	k := newKeeping(t, newMapSettings("eth1"), HostMemory{})
	k.kernel.setErr = func(SettingOp) error { return fmt.Errorf("modprobe ip_vs_ftp: exit status 1") }
	k.config(ftpHost("21"))
	k.steps("refused", 0)
	shown := func(claim, value string, words ...string) {
		t.Helper()
		var s Status
		k.addTo(&s)
		got := s.Host.Settings[0]
		if len(s.Host.Settings) != 1 || got.Name != "helper ftp" || got.Value != value || (got.Error == "") != (len(words) == 0) {
			t.Errorf("%s: %+v", claim, s.Host.Settings)
		}
		for _, word := range words {
			if !strings.Contains(got.Error, word) {
				t.Errorf("%s: no %s in %s", claim, word, got.Error)
			}
		}
	}
	shown("refused", "", `virtual_server "files"`, "ip_vs_ftp", "linux-image-amd64", "exit status 1")
	k.kernel.setErr = nil
	k.steps("not yet tried again", 500*time.Millisecond)
	k.steps("tried again", 600*time.Millisecond, load)
	shown("loaded", "ports 21")
	k.steps("nothing more", time.Second)
	k.kernel.change(func(h *Host) { h.Helpers = nil })
	k.steps("somebody unloaded it", time.Second, load)
	if !strings.Contains(k.log.String(), `setting="helper ftp"`) || k.repaired != 1 {
		t.Errorf("repaired %d:\n%s", k.repaired, k.log.String())
	}
	k.config(ftpHost("21,2121"))
	k.steps("another port, for which it is not loaded", 0)
	shown("another port", "ports 21", "options ip_vs_ftp ports=21,2121", "rmmod ip_vs_ftp", "looks at other ports: 21")
	k.config(HostConfig{})
	k.steps("nobody wants it any more, and it stays", time.Minute)
}
