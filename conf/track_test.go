package conf

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/checkers"
	"github.com/govrrpd/govrrpd/checkers/track"
	"github.com/govrrpd/govrrpd/vrrp"
)

const tracking = `
vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  track {
    interfaces = ["eth1", "eth2"]
    interface "eth3" { weight = -20 }
    script "nginx" {}
    file "load" {}
    process "haproxy" {
      weight  = -254
      reverse = true
    }
    route "uplink" { weight = 5 }
    route "::/0" {}
    virtual_server "shop" { weight = -50 }
  }
}
track_script "nginx" {
  command   = ["/bin/sh", "-c", "exit 0"]
  interval  = "2s"
  rise      = 3
  fall      = 4
  weight    = -30
  reverse   = true
  user      = "nobody"
  init_fail = true
}
track_file "load" {
  path = "/run/load"
  init = -3
}
track_process "haproxy" {
  command         = "haproxy"
  arguments       = ["-f"]
  match           = "partial"
  quorum          = 2
  quorum_max      = 4
  fork_delay      = "1s"
  terminate_delay = "2s"
}
track_route "uplink" {
  prefix    = "default"
  table     = 100
  via       = "198.51.100.1"
  interface = "eth1"
}
interface "eth0" {
  down_delay = "1s"
  up_delay   = "30s"
}
virtual_server "shop" {
  address = "192.0.2.10:80"
}
`

func TestTrackIsRead(t *testing.T) {
	c := mustLoad(t, nil, file(t, tracking))
	want := []vrrp.Tracker{
		{Source: "interface/eth1"}, {Source: "interface/eth2"}, {Source: "interface/eth3", Weight: -20},
		{Source: "script/nginx", Weight: -30, Reverse: true}, {Source: "file/load", Weight: 1},
		{Source: "process/haproxy", Weight: -254, Reverse: true}, {Source: "route/uplink", Weight: 5}, {Source: "route/::/0"},
		{Source: "virtual_server/shop", Weight: -50},
	}
	if diff := cmp.Diff(want, c.Routers[0].Track); diff != "" {
		t.Errorf("trackers (-want +got):\n%s", diff)
	}
	if err := c.Routers[0].Validate(); err != nil {
		t.Error(err)
	}
	minus, four := -3, 4
	script := c.Track.Scripts[0].Checker.(checkers.Script)
	if script.User == nil || script.User.UID == 0 {
		t.Errorf("the script runs as %+v, want nobody", script.User)
	}
	script.User = nil
	c.Track.Scripts[0].Checker = script
	wantTrack := Track{
		Scripts: []checkers.Config{{Name: "script/nginx", Checker: checkers.Script{Command: []string{"/bin/sh", "-c", "exit 0"}}, Interval: 2 * time.Second,
			Timeout: 2 * time.Second, Rise: 3, Fall: 4, Initial: checkers.Down}},
		Files: []track.File{{Name: "load", Path: "/run/load", Init: &minus}},
		Processes: []track.Process{{Name: "haproxy", Command: "haproxy", Arguments: []string{"-f"}, Match: track.MatchPartial, Quorum: 2, Max: &four,
			ForkDelay: time.Second, TerminateDelay: 2 * time.Second}},
		Surroundings: vrrp.Surroundings{
			Delays: []vrrp.InterfaceDelay{{Interface: "eth0", Down: time.Second, Up: 30 * time.Second}},
			Routes: []vrrp.Route{
				{Name: "uplink", Prefix: netip.MustParsePrefix("0.0.0.0/0"), Table: 100, Via: netip.MustParseAddr("198.51.100.1"), Interface: "eth1"},
				{Name: "::/0", Prefix: netip.MustParsePrefix("::/0"), Table: vrrp.MainTable},
			},
		},
	}
	if diff := cmp.Diff(wantTrack, c.Track, domain); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
}

func TestGroupTracksForAllItsInstances(t *testing.T) {
	c := mustLoad(t, nil, file(t, `
vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
}
vrrp_instance "gateway" {
  interface         = "eth1"
  virtual_router_id = 52
  virtual_addresses = ["10.0.0.1/24"]
  track {
    interfaces = ["eth3"]
  }
}
vrrp_sync_group "edge" {
  instances = ["web", "gateway"]
  track {
    interface "eth2" { weight = -20 }
  }
}`))
	group := vrrp.Tracker{Source: "interface/eth2", Weight: -20}
	if diff := cmp.Diff([]vrrp.Tracker{group}, c.Routers[0].Track); diff != "" {
		t.Errorf("web (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]vrrp.Tracker{{Source: "interface/eth3"}, group}, c.Routers[1].Track); diff != "" {
		t.Errorf("gateway (-want +got):\n%s", diff)
	}
}

// TestScriptsOfRootBelongToRoot: who may change a script that root runs is root.
func TestScriptsOfRootBelongToRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		return // the rule is about root; `make test` runs as root
	}
	dir := filepath.Join(t.TempDir(), "scripts")
	script := filepath.Join(dir, "check")
	for _, c := range []struct {
		name       string
		dir, file  os.FileMode
		owner      int
		user, want string
	}{
		{"as it should be", 0o755, 0o755, 0, "", ""},
		{"the file is open", 0o755, 0o777, 0, "", `check\" can be changed by everybody (mode 0777)`},
		{"the folder is open", 0o777, 0o755, 0, "", `scripts\" can be changed by everybody`},
		{"the folder is sticky", 0o777 | os.ModeSticky, 0o755, 0, "", ""},
		{"somebody else's", 0o755, 0o755, 1, "", `check\" belongs to user 1`},
		{"somebody else's, and not run by root", 0o755, 0o755, 1, `user = "nobody"`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			mustWrite(t, script, "#!/bin/sh\n")
			for _, err := range []error{os.Chmod(dir, c.dir), os.Chmod(script, c.file), os.Chown(script, c.owner, 0)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			got := diagnose(t, nil, file(t, fmt.Sprintf(`
vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  track {
    script "check" {}
  }
}
track_script "check" {
  command = [%q]
  %s
}`, script, c.user)))
			if c.want == "" && got != "" || !strings.Contains(got, strings.ReplaceAll(c.want, `\"`, `"`)) {
				t.Errorf("want %q, got:\n%s", c.want, got)
			}
		})
	}
}
