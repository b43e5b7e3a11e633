package main

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/govrrpd/govrrpd/conf"
	"github.com/govrrpd/govrrpd/ipvs"
)

const (
	guardRouter = `
vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
}
`
	guardOther = `
vrrp_instance "mail" {
  interface         = "eth0"
  virtual_router_id = 52
  virtual_addresses = ["192.0.2.20/24"]
}
virtual_server "mail" {
  address = "192.0.2.20:25"
  real_server "10.0.0.25:25" {}
}
`
	guardService = `
virtual_server "web" {
  address = "192.0.2.10:80"
  forward = "dr"
  real_server "10.0.0.2:80" {}
  real_server "10.0.0.3:80" {}
}
`
	guardSync = "sync_daemon {\n  interface = \"eth1\"\n  "
)

func loadText(t *testing.T, text string) *conf.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "govrrpd.hcl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, diags := conf.Load([]string{path}, nil)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return c
}

func TestGuardIsThereWhereThisHostIsServerAndBackup(t *testing.T) {
	own := addrSet{netip.MustParseAddr("10.0.0.2"): {}}
	local := func(s string) string { return strings.Replace(s, "10.0.0.2:80", "127.0.0.1:80", 1) }
	for name, tt := range map[string]struct {
		text    string
		own     addrSet
		follow  string // empty for no guard
		warning string // a part of it; empty for none
	}{
		"server of its own service":           {guardRouter + guardService, own, "web", ""},
		"by the loopback":                     {guardRouter + local(guardService), nil, "web", ""},
		"servers elsewhere":                   {guardRouter + guardService, nil, "", ""},
		"asked for":                           {guardRouter + guardService + "ipvs {\n  loop_guard = true\n}\n", nil, "web", ""},
		"not wanted":                          {guardRouter + guardService + "ipvs {\n  loop_guard = false\n}\n", own, "", "because of loop_guard = false"},
		"backup_only is 1 anyway":             {guardRouter + guardService + "ipvs {\n  sysctls = { backup_only = 1 }\n}\n", own, "web", ""},
		"backup_only is to be 0":              {guardRouter + guardService + "ipvs {\n  sysctls = { backup_only = 0 }\n}\n", own, "", "because of backup_only = 0"},
		"NAT sends to the server's address":   {guardRouter + strings.Replace(guardService, `"dr"`, `"nat"`, 1), own, "", ""},
		"no other server":                     {guardRouter + strings.Replace(guardService, `  real_server "10.0.0.3:80" {}`, "", 1), own, "", ""},
		"the sorry server is elsewhere":       {guardRouter + strings.Replace(guardService, `real_server "10.0.0.3:80"`, `sorry_server "10.0.0.3:80"`, 1), own, "web", ""},
		"nobody is backup":                    {guardService, own, "", ""},
		"nobody holds the address":            {strings.Replace(guardRouter, "192.0.2.10", "192.0.2.99", 1) + guardService, own, "", "which no vrrp_instance holds"},
		"a service by mark":                   {guardRouter + strings.NewReplacer(`address = "192.0.2.10:80"`, "fwmark = 7", ":80", "").Replace(guardService), own, "web", ""},
		"another router of no service":        {guardRouter + strings.Split(guardOther, "virtual_server")[0] + guardService, own, "web", ""},
		"two routers that may differ":         {guardRouter + guardOther + guardService, own, "", "make them one vrrp_sync_group"},
		"two routers of one group":            {guardRouter + guardOther + guardService + "vrrp_sync_group \"g\" {\n  instances = [\"web\", \"mail\"]\n}\n", own, "web", ""},
		"a sync daemon that follows":          {guardRouter + guardService + guardSync + "follow = \"web\"\n}\n", own, "web", ""},
		"a sync daemon that follows another":  {guardRouter + strings.Split(guardOther, "virtual_server")[0] + guardService + guardSync + "follow = \"mail\"\n}\n", own, "", `write "web"`},
		"a sync daemon that is both":          {guardRouter + guardService + guardSync + "state = \"both\"\n}\n", own, "", `state = "both"`},
		"a sync daemon that is always master": {guardRouter + guardService + guardSync + "state = \"master\"\n}\n", own, "web", ""},
	} {
		t.Run(name, func(t *testing.T) {
			g, warning := guardOf(loadText(t, tt.text), tt.own)
			follow := ""
			if g != nil {
				follow = g.Follow
			}
			if follow != tt.follow || (warning != "") != (tt.warning != "") || !strings.Contains(warning, tt.warning) {
				t.Errorf("guard %+v and warning %q, want it to follow %q and %q", g, warning, tt.follow, tt.warning)
			}
		})
	}
}

func TestGuardLineSaysWhatIsSo(t *testing.T) {
	for want, g := range map[string]ipvs.GuardStatus{
		"waits for the role of web; why":                                 {},
		"on: web is not master here, IPVS passes over every packet; why": {Wanted: ipvs.GuardPassesOver, PassesOver: true},
		"NOT ON, though web is not master here; why":                     {Wanted: ipvs.GuardPassesOver},
		"off: web is master here, IPVS balances; why":                    {Wanted: ipvs.GuardBalances},
		"STILL ON, though web is master here; why":                       {Wanted: ipvs.GuardBalances, PassesOver: true},
		"ERROR: refused": {Wanted: ipvs.GuardBalances, Error: "refused"},
	} {
		g.Follow, g.Why = "web", "why"
		if got := guardLine(&g); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
