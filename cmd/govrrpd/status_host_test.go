package main

import (
	"net/netip"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/ipvs"
)

func TestStatusShowsSyncDaemonsAndSettings(t *testing.T) {
	now := time.Unix(10_000, 0)
	daemon := func(f func(d *ipvs.DaemonStatus)) ipvs.DaemonStatus {
		d := ipvs.DaemonStatus{Configured: "follow", Follow: "web", Wanted: "master", Running: "master", Alive: true, InStep: true, Since: now.Add(-time.Minute),
			Interface: "eth1", ID: 51, Group: netip.MustParseAddr("224.0.0.81"), Port: 8848, TTL: 1}
		f(&d)
		return d
	}
	h := ipvs.HostStatus{
		Daemons: []ipvs.DaemonStatus{
			daemon(func(*ipvs.DaemonStatus) {}),
			daemon(func(d *ipvs.DaemonStatus) { d.InStep, d.Dropped = false, 3 }),
			daemon(func(d *ipvs.DaemonStatus) {
				d.InStep, d.Ignores, d.HeardID, d.HeardFrom = false, true, 7, netip.MustParseAddr("10.0.0.2")
			}),
			daemon(func(d *ipvs.DaemonStatus) { d.Wanted, d.Alive = "", false }),
			daemon(func(d *ipvs.DaemonStatus) { d.Running, d.Alive, d.Since = "backup", false, time.Time{} }),
			daemon(func(d *ipvs.DaemonStatus) { d.Error, d.Alive = "there is no interface eth1", false }),
		},
		Settings: []ipvs.SettingStatus{{Name: "net.ipv4.vs.conntrack", Value: "1", Wanted: "1"}, {Name: "timeouts", Value: "tcp 15m0s", Wanted: "tcp 1h0m0s", Error: "no"}},
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	writeHost(w, h, now)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	want := `SYNC DAEMON          INTERFACE  ID  GROUP                 SINCE  QUEUED  DROPPED  STATE
master, follows web  eth1       51  224.0.0.81 port 8848  1m0s   0       0        in step
master, follows web  eth1       51  224.0.0.81 port 8848  1m0s   0       3        OUT OF STEP: 3 messages dropped
master, follows web  eth1       51  224.0.0.81 port 8848  1m0s   0       0        TAKES IN NOTHING: 10.0.0.2 sends sync_id 7
follows web          eth1       51  224.0.0.81 port 8848  1m0s   0       0        waits for the role of web
master, follows web  eth1       51  224.0.0.81 port 8848  -      0       0        NOT RUNNING, the kernel runs backup
master, follows web  eth1       51  224.0.0.81 port 8848  1m0s   0       0        ERROR: there is no interface eth1

IPVS SETTING           VALUE      STATE
net.ipv4.vs.conntrack  1          ok
timeouts               tcp 15m0s  ERROR: no

`
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}
