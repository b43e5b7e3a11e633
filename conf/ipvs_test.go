package conf

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/govrrpd/govrrpd/ipvs"
)

const syncInstance = `
vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
}
`

func TestHostOfIPVS(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       ipvs.HostConfig
	}{
		{"nothing", "", ipvs.HostConfig{}},
		{"all of ipvs", `
ipvs {
  restore_on_exit = true
  sysctls = { conntrack = 1, sync_threshold = "3 50", est_cpulist = "0-3,6" }
  timeouts {
    tcp     = "1h"
    tcp_fin = "60s"
    udp     = "744h"
  }
}`, ipvs.HostConfig{Restore: true, Timeouts: ipvs.Timeouts{TCP: time.Hour, FIN: time.Minute, UDP: ipvs.MaxTimeout},
			Sysctls: map[string]string{"conntrack": "1", "sync_threshold": "3 50", "est_cpulist": "0-3,6"}}},
		{"a daemon with the number of its instance", `
sync_daemon {
  interface = "eth1"
  follow    = "web"
}`, ipvs.HostConfig{Sync: []ipvs.Sync{{Daemon: ipvs.Daemon{Interface: "eth1", ID: 51}, Follow: "web"}}}},
		{"two daemons", `
sync_daemon {
  state     = "master"
  interface = "eth1"
  sync_id   = 1
}
sync_daemon {
  state     = "backup"
  interface = "eth1"
  sync_id   = 2
  maxlen    = 1400
  group     = "ff02::81"
  port      = 8849
  ttl       = 2
}`, ipvs.HostConfig{Sync: []ipvs.Sync{{Daemon: ipvs.Daemon{Interface: "eth1", ID: 1}, Role: ipvs.SyncAlwaysMaster},
			{Daemon: ipvs.Daemon{Interface: "eth1", ID: 2, MaxLen: 1400, Group: netip.MustParseAddr("ff02::81"), Port: 8849, TTL: 2}, Role: ipvs.SyncAlwaysBackup}}}},
	} {
		got := mustLoad(t, nil, file(t, syncInstance+tt.text)).IPVS
		if d := cmp.Diff(tt.want, got, cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, d)
		}
	}
}
