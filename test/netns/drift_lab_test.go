//go:build lab

package netns_test

import (
	"cmp"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// driftLimit is how soon the director puts right what somebody else changed.
const driftLimit = 2 * time.Second

// A drift is something that somebody else does to what the director keeps.
type drift struct {
	name    string
	do      [][]string // commands in the director's namespace
	state   []string   // prints what has to be as before; ipvsadm -Sn for nil
	service string     // that the status names
	found   string     // what the status says was found
	changes int        // that put it right
	logged  string     // the line of the log has this, and not the service
}

// drifts has a row for each kind of drift. They are done one after another, and the largest last: of many changes in a minute not each
// has a line in the log.
func drifts() []drift {
	services := netns.TrafficServices()
	nat4, dr4, tun4, dr6, tun6 := services[0], services[1], services[2], services[4], services[5]
	at := func(s netns.TrafficService) string { return s.Addr.String() }
	server := func(s netns.TrafficService, i int) string { return s.Servers[i].String() }
	adm := func(args ...string) [][]string { return [][]string{append([]string{"ipvsadm"}, args...)} }
	return []drift{
		{"a server deleted", adm("-d", "-t", at(nat4), "-r", server(nat4, 0)), nil, "nat4", "server " + server(nat4, 0) + " removed", 1, ""},
		{"a weight changed", adm("-e", "-t", at(dr6), "-r", server(dr6, 1), "-g", "-w", "9"), nil, "dr6", dest(dr6, 1, 9), 1, ""},
		{"a server's bounds changed", adm("-e", "-t", at(tun4), "-r", server(tun4, 2), "-i", "-w", "1", "-x", "100", "-y", "10"), nil, "tun4",
			dest(tun4, 2, 1) + " upper 100 lower 10", 1, ""},
		{"a service's options changed", adm("-E", "-t", at(nat4), "-s", "sh", "-p", "60"), nil, "nat4", "service tcp " + at(nat4) + " sh persistent 1m0s/32", 1, ""},
		{"a service deleted", adm("-D", "-t", at(dr4)), nil, "dr4", "service removed", 4, ""},
		{"the sync daemon stopped", adm("--stop-daemon", "master"), []string{"ipvsadm", "-L", "--daemon"}, "sync daemon master", "none", 1,
			`setting="sync daemon master" found=none`},
		{"timeouts changed", adm("--set", "700", "0", "0"), []string{"ipvsadm", "-L", "--timeout"}, "timeouts", "tcp 11m40s, tcp_fin 2m0s, udp 5m0s", 1,
			`found="tcp 11m40s`},
		{"a server added", adm("-a", "-t", at(tun6), "-r", "[2001:db8:0:2::77]:7003", "-i", "-w", "1"), nil, "tun6",
			"server [2001:db8:0:2::77]:7003 tun weight 1 added", 1, ""},
		{"everything deleted", adm("-C"), nil, "nat4", "service removed", 6 * 4, ""},
	}
}

func (d drift) look(n *netns.Node) string {
	if d.state != nil {
		return n.MustRun(d.state...)
	}
	return n.MustRun("ipvsadm", "-Sn")
}

func TestDriftIsPutRightWhileTrafficRuns(t *testing.T) {
	// The director's own interval, not one of this test: it is its default that has to be short enough.
	first := wrr("1 weight = 3", "2 weight = 2", "3 weight = 1")
	first.global = "global {}\nipvs {\n  timeouts { tcp = \"800s\" }\n}\nsync_daemon {\n  state     = \"master\"\n  interface = \"inside\"\n}\n\n"
	tr := newTraffic(t, first)
	// Flows whose server is away for a moment wait for it; the Site has it that they end.
	tr.LB1.Sysctl("net.ipv4.vs.expire_nodest_conn", "0")
	for i, d := range drifts() {
		if i == len(drifts())-1 {
			tr.run(3) // with the last service the kernel takes its hooks away, and answers itself what comes to the virtual address
			tr.alive()
		}
		tr.putRight(d)
		tr.told(d)
	}
	for _, s := range netns.TrafficServices() {
		if _, err := tr.Client.StartFlow(s.Addr, settle); err != nil {
			t.Errorf("a flow to %s after all: %v", s.Name, err)
		}
	}
}

// driftTries is how often a drift may be late before the director is to blame for it, not the machine: a busy one may have it wait for a CPU for longer
// than the limit, which no other measure shows.
const driftTries = 3

// putRight does what d says and demands that it is put right in time, and counted.
func (tr *traffic) putRight(d drift) {
	tr.t.Helper()
	for try := 1; ; try++ {
		want, counted := d.look(tr.LB1), tr.drifted()
		for _, argv := range d.do {
			tr.LB1.MustRun(argv...)
		}
		done, stood := time.Now(), tr.stalls.Since(time.Now())
		tr.WaitFor(settle, d.name+": to be put right", func() bool { return d.look(tr.LB1) == want })
		tr.WaitFor(settle, d.name+": to be counted", func() bool { return tr.drifted() == counted+d.changes })
		took, stood := tr.repaired().Sub(done), tr.stalls.Since(done)-stood
		if took <= driftLimit+stood {
			return
		}
		tr.t.Logf("%s was put right after %s (the machine stood still for %s)", d.name, took, stood)
		if try == driftTries {
			tr.t.Errorf("%s was put right too late %d times in a row, want at most %s", d.name, try, driftLimit)
			return
		}
	}
}

// alive fails when a flow has ended.
func (tr *traffic) alive() {
	tr.t.Helper()
	for _, f := range tr.flows {
		if s := f.State(); s.Err != nil {
			tr.t.Errorf("flow to %s at %s: %v", f.Service, f.Server, s.Err)
		}
	}
}

// drifted returns how many changes of others were put right.
func (tr *traffic) drifted() int {
	s, err := tr.d.Status(tr.t.Context())
	if err != nil {
		tr.t.Fatal(err)
	}
	return s.Engine.DriftRepaired
}

// repaired returns when the last change of others was put right, by the status: the programs that show the table take longer than that.
func (tr *traffic) repaired() time.Time {
	tr.t.Helper()
	s, err := tr.d.Status(tr.t.Context())
	if err != nil {
		tr.t.Fatal(err)
	}
	var last time.Time
	for _, d := range s.Engine.Drifts {
		if d.Repaired.After(last) {
			last = d.Repaired
		}
	}
	return last
}

// told fails when the status does not say what was found, and that it was put right, or the log has nothing of it.
func (tr *traffic) told(d drift) {
	tr.t.Helper()
	s, err := tr.d.Status(tr.t.Context())
	if err != nil {
		tr.t.Fatal(err)
	}
	seen := false
	for _, one := range s.Engine.Drifts {
		seen = seen || one.Service == d.service && one.Found == d.found && !one.Repaired.IsZero()
	}
	if !seen {
		tr.t.Errorf("%s: status has %+v, want one of %s repaired with %q", d.name, s.Engine.Drifts, d.service, d.found)
	}
	if line := cmp.Or(d.logged, fmt.Sprintf("service=%s found=%q", d.service, d.found)); !strings.Contains(tr.d.Log(), line) {
		tr.t.Errorf("%s: the log has no line with %s", d.name, line)
	}
}
