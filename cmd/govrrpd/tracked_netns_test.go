//go:build netns

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// A pair is two machines whose directors share a virtual router; the first has the higher priority, and tracks.
//
//	a (150) ══ lan ══ b (120)
//	   ║
//	uplink
type pair struct {
	*netns.World
	a, b   *netns.Node
	da, db *netns.Director
	uplink *netns.Port
	dir    string // of what the test changes
}

func newPair(t *testing.T, tracking func(dir string) string) *pair {
	t.Helper()
	p := &pair{World: netns.New(t), dir: t.TempDir()}
	p.a, p.b = p.Node("a"), p.Node("b")
	lan := p.Segment("lan0")
	lan.Attach(p.a, "eth0", "192.0.2.1/24")
	lan.Attach(p.b, "eth0", "192.0.2.2/24")
	p.uplink = p.Segment("up0").Attach(p.a, "eth1", "198.51.100.1/24")
	config := instance("web", 51, 150, vip)
	p.da = p.a.Govrrpd(strings.TrimSuffix(config, "}\n") + tracking(p.dir))
	p.db = p.b.Govrrpd(instance("web", 51, 120, vip))
	return p
}

func (p *pair) master(n *netns.Node, why string) {
	other := p.a
	if n == p.a {
		other = p.b
	}
	p.WaitFor(settle, fmt.Sprintf("%s to hold the address alone: %s", n.Name, why), func() bool { return n.Has(vip) && !other.Has(vip) })
}

// tracked returns what a director says of one source.
func tracked(t *testing.T, d *netns.Director, source string) (trackedStatus, Status) {
	t.Helper()
	text, err := d.Command("status", "-o", "json")
	if err != nil {
		return trackedStatus{}, Status{}
	}
	var s Status
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	for _, v := range s.Tracked {
		if v.Source == source {
			return v, s
		}
	}
	return trackedStatus{}, s
}

func touch(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestWhatIsTrackedMovesTheAddress breaks one thing after another: the priority falls, the other machine takes over, and when it is
// well again the address comes back.
func TestWhatIsTrackedMovesTheAddress(t *testing.T) {
	program := fmt.Sprintf("gvt%d", os.Getpid()%1000000)
	p := newPair(t, func(dir string) string {
		touch(t, filepath.Join(dir, "well"), "")
		return fmt.Sprintf(`
  track {
    interface "eth1" { weight = -40 }
    script "well" { weight = -40 }
    file "load" {}
    process "worker" { weight = -40 }
    route "10.9.0.0/16" { weight = -40 }
  }
}
track_script "well" {
  command  = ["/bin/sh", "-c", "test -e %[1]s/well || { echo not well; exit 3; }"]
  interval = "100ms"
}
track_file "load" {
  path   = "%[1]s/load"
  weight = -1
}
track_process "worker" { command = "%[2]s" }
`, dir, program)
	})
	worker := filepath.Join(p.dir, program)
	sleep, err := os.ReadFile("/bin/sleep")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(worker, sleep, 0o755); err != nil {
		t.Fatal(err)
	}
	running := p.a.Start("worker", worker, "1000")
	addRoute := func() { p.a.MustRun("ip", "route", "replace", "10.9.0.0/16", "via", "198.51.100.254") }
	addRoute()
	well := filepath.Join(p.dir, "well")
	p.master(p.a, "all is well")
	for _, c := range []struct {
		source      string
		break_, fix func()
		state, why  string
	}{
		{"script/well", func() { _ = os.Remove(well) }, func() { touch(t, well, "") }, "down", "exit status 3: not well"},
		{"file/load", func() { touch(t, filepath.Join(p.dir, "load"), "40\n") }, func() { _ = os.Remove(filepath.Join(p.dir, "load")) }, "number", "40 in "},
		{"process/worker", func() { running.Kill() }, func() { running = p.a.Start("worker", worker, "1000") }, "down", "no process is " + program},
		{"route/10.9.0.0/16", func() { p.a.MustRun("ip", "route", "del", "10.9.0.0/16") }, addRoute, "down", "no route 10.9.0.0/16"},
		{"interface/eth1", p.uplink.Cut, p.uplink.Heal, "down", "eth1 has no carrier"},
	} {
		began := time.Now()
		c.break_()
		p.master(p.b, c.source+" is down")
		t.Logf("%s: the other has the address after %s", c.source, time.Since(began))
		got, status := tracked(t, p.da, c.source)
		if got.State.String() != c.state || !strings.Contains(got.Reason, c.why) || len(got.UsedBy) != 1 || got.UsedBy[0] != "web" || got.Since.Before(began.Add(-time.Second)) {
			t.Errorf("%s: status says %+v, want %s and %q", c.source, got, c.state, c.why)
		}
		if n := status.VRRP[0].Priority; c.source != "interface/eth1" && n != 110 {
			t.Errorf("%s: the priority is %d, want 150 - 40", c.source, n)
		}
		c.fix()
		p.master(p.a, c.source+" is well again")
	}
	text, err := p.da.Command("status")
	if err != nil || !strings.Contains(text, "TRACKED") || !strings.Contains(text, "script/well") {
		t.Errorf("status does not list what is tracked (%v):\n%s", err, text)
	}
}

// TestFactsOutliveTheDirector: neither the death of a director nor the beginning of the next one changes what is known.
func TestFactsOutliveTheDirector(t *testing.T) {
	p := newPair(t, func(dir string) string {
		return fmt.Sprintf(`
  track {
    script "well" { weight = -40 }
  }
}
track_script "well" {
  command   = ["/bin/sh", "-c", "test -e %s/well"]
  interval  = "100ms"
  rise      = 3
  fall      = 3
  init_fail = true
}
`, dir)
	})
	p.master(p.b, "the script has not succeeded yet (init_fail)")
	well := filepath.Join(p.dir, "well")
	touch(t, well, "")
	p.master(p.a, "the script succeeded three times")

	holders := p.WatchHolders(vip, p.a, p.b)
	begun := time.Now()
	p.da.Kill()
	p.da.Restart()
	p.WaitFor(settle, "the new director to run the script", func() bool {
		_, s := tracked(t, p.da, "script/well")
		return len(s.Scripts) == 1 && s.Scripts[0].Successes >= 3
	})
	if got, s := tracked(t, p.da, "script/well"); got.State.String() != "up" || s.VRRP[0].Priority != 150 {
		t.Errorf("after the restart: %+v, priority %d; want up and 150", got, s.VRRP[0].Priority)
	}
	holders.Stop()
	for _, s := range holders.Since(begun) {
		if len(s.Holders) != 1 || s.Holders[0] != p.a.Name {
			t.Fatalf("%s after the director was killed the address is on %v, want a all the time", s.Began.Sub(begun), s.Holders)
		}
	}

	if err := os.Remove(well); err != nil {
		t.Fatal(err)
	}
	p.master(p.b, "the script failed three times")
	p.da.Signal(syscall.SIGUSR1) // leaves the router
	p.WaitFor(settle, "the director to end", func() bool { return !p.da.Running() })
	p.da.Restart()
	p.WaitFor(settle, "the new director to run the script", func() bool {
		_, s := tracked(t, p.da, "script/well")
		return len(s.Scripts) == 1 && s.Scripts[0].Failures >= 3
	})
	p.master(p.b, "it still fails")
	touch(t, well, "")
	p.master(p.a, "it succeeds again")
}

// TestReloadKeepsWhatScriptsFound: what did not change goes on, what is new is waited for, and what is gone counts no more.
func TestReloadKeepsWhatScriptsFound(t *testing.T) {
	head := strings.TrimSuffix(instance("web", 51, 150, vip), "}\n")
	script := func(name, command string) string {
		return fmt.Sprintf("track_script %q {\n  command  = [\"/bin/sh\", \"-c\", %q]\n  interval = \"100ms\"\n  fall = 2\n}\n", name, command)
	}
	p := newPair(t, func(string) string {
		return "\n  track {\n    script \"bad\" { weight = -40 }\n  }\n}\n" + script("bad", "exit 1")
	})
	p.master(p.b, "the script fails")
	before, _ := tracked(t, p.da, "script/bad")
	out, err := p.da.Reload(head + "\n  track {\n    script \"bad\" { weight = -35 }\n    script \"good\" { weight = 50 }\n  }\n}\n" +
		script("bad", "exit 1") + script("good", "exit 0"))
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p.master(p.a, "150 - 35 + 50")
	after, s := tracked(t, p.da, "script/bad")
	if !after.Since.Equal(before.Since) || s.VRRP[0].Priority != 165 {
		t.Errorf("bad is down since %s, before the reload since %s; priority %d, want 165", after.Since, before.Since, s.VRRP[0].Priority)
	}
	if out, err := p.da.Reload(head + "}\n"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p.WaitFor(settle, "the configured priority", func() bool {
		_, s := tracked(t, p.da, "")
		return len(s.VRRP) == 1 && s.VRRP[0].Priority == 150 && len(s.Tracked) == 0
	})
}
