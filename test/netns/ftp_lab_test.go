//go:build lab

package netns_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

const ftpConfig = `
global {
  ipvs_refresh = "1s"
}
virtual_server "files" {
  address   = "192.0.2.15:21"
  scheduler = "rr"
  helper    = "ftp"
  real_server "10.0.0.11:21" {}
  real_server "10.0.0.12:21" {}
  real_server "10.0.0.13:21" {}
}
virtual_server "odd" {
  address   = "192.0.2.15:2121"
  scheduler = "rr"
  helper    = "ftp"
  real_server "10.0.0.11:21" {}
  real_server "10.0.0.12:21" {}
  real_server "10.0.0.13:21" {}
}
virtual_server "files6" {
  address   = "[2001:db8:0:1::15]:21"
  scheduler = "rr"
  helper    = "ftp"
  real_server "[2001:db8:0:2::11]:21" {}
  real_server "[2001:db8:0:2::12]:21" {}
  real_server "[2001:db8:0:2::13]:21" {}
}
virtual_server "direct" {
  address   = "192.0.2.10:21"
  scheduler = "rr"
  forward   = "dr"
  persistence { timeout = "300s" }
  real_server "10.0.0.11:21" {}
  real_server "10.0.0.12:21" {}
  real_server "10.0.0.13:21" {}
}
virtual_server "direct6" {
  address   = "[2001:db8:0:1::10]:21"
  scheduler = "rr"
  forward   = "dr"
  persistence { timeout = "300s" }
  real_server "[2001:db8:0:2::11]:21" {}
  real_server "[2001:db8:0:2::12]:21" {}
  real_server "[2001:db8:0:2::13]:21" {}
}
`

const (
	ftpLimit = 20 * time.Second // for one file
	ftpLost  = 2 * time.Second  // a data connection that was not there until then will never be
)

// withheldModule unloads a module and keeps it from being loaded until the returned function is called.
func withheldModule(w *netns.World, t *testing.T, module string) (give func()) {
	t.Helper()
	const path = "/run/modprobe.d/ftp.conf" // the lab's own
	give = func() { _ = os.Remove(path) }
	t.Cleanup(give)
	if err := os.MkdirAll("/run/modprobe.d", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("install "+module+" /bin/false\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	w.WaitFor(settle, module+" to be unloaded", func() bool {
		_ = exec.Command("rmmod", module).Run()
		_, err := os.Stat("/sys/module/" + module)
		return os.IsNotExist(err)
	})
	return give
}

// An ftpSite is a Traffic with FTP servers and three clients.
type ftpSite struct {
	*netns.Traffic
	t *testing.T
}

func newFTPSite(t *testing.T, options ...string) *ftpSite {
	s := &ftpSite{netns.NewTraffic(t), t}
	s.LB1.AddAddress("outside", "192.0.2.15/24")
	s.LB1.AddAddress("outside", "2001:db8:0:1::15/64")
	for i := 1; i <= 3; i++ {
		s.Client.AddAddress("outside", fmt.Sprintf("192.0.2.10%d/24", i))
		s.Client.AddAddress("outside", fmt.Sprintf("2001:db8:0:1::10%d/64", i))
	}
	s.AnswerFTP(options...)
	return s
}

// everybodyServes has three clients fetch a file in each of these modes, or in all. By each mode each server has to be met; a client of a service with persistence meets
// the same one by all of them.
func (s *ftpSite) everybodyServes(server, from string, persists bool, modes ...string) {
	s.t.Helper()
	if len(modes) == 0 {
		modes = slices.Sorted(maps.Keys(netns.FTPModes()))
	}
	home := map[string]string{}
	for _, mode := range modes {
		met := map[string]bool{}
		for i := 1; i <= 3; i++ {
			client := from + fmt.Sprint(i)
			who, err := s.Client.GetFTP(server, client, ftpLimit, netns.FTPModes()[mode]...)
			if err != nil {
				s.t.Errorf("%s by %s from %s: %v: %s", server, mode, client, err, who)
			}
			met[who] = true
			if before := home[client]; persists && before != "" && before != who {
				s.t.Errorf("%s by %s: %s met %s, and %s before", server, mode, client, who, before)
			}
			home[client] = who
		}
		if got := slices.Sorted(maps.Keys(met)); !slices.Equal(got, []string{"rs1", "rs2", "rs3"}) {
			s.t.Errorf("%s by %s: served by %v, want all three", server, mode, got)
		}
	}
}

// Files come by active and passive FTP from all servers, through NAT and directly, over both families, and also at another port. While the kernel's
// helper cannot be had, status says which service needs it, and data connections get lost; it heals by itself.
func TestFilesComeByFTP(t *testing.T) {
	s := newFTPSite(t)
	give := withheldModule(s.World, t, "ip_vs_ftp")
	d := s.LB1.Govrrpd(ftpConfig)
	s.WaitFor(settle, "all servers to be in the table", func() bool { return strings.Count(s.LB1.MustRun("ipvsadm", "-Sn"), "-a ") == 15 })
	shows(s.World, d, "helper ftp", "ERROR", `virtual_server "files", virtual_server "odd", virtual_server "files6" needs it`, "module ip_vs_ftp")
	if who, err := s.Client.GetFTP("192.0.2.15:21", "192.0.2.101", ftpLost); err == nil {
		t.Errorf("without the helper %s sent its file: this test shows nothing", who)
	}
	give()
	s.WaitFor(settle, "the helper to be there", func() bool {
		apps, err := s.LB1.ReadNet("ip_vs_app")
		return err == nil && strings.Count(apps, " ftp ") == 2
	})
	shows(s.World, d, "ports 21,2121")
	s.everybodyServes("192.0.2.15:21", "192.0.2.10", false)
	s.everybodyServes("192.0.2.15:2121", "192.0.2.10", false, "PASV", "PORT")
	s.everybodyServes("[2001:db8:0:1::15]:21", "2001:db8:0:1::10", false, "EPSV", "EPRT") // there are no others over IPv6
	s.everybodyServes("192.0.2.10:21", "192.0.2.10", true)
	s.everybodyServes("[2001:db8:0:1::10]:21", "2001:db8:0:1::10", true, "EPSV", "EPRT")
	if out, err := d.Reload(strings.Replace(ftpConfig, ":2121\"", ":2122\"", 1)); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	shows(s.World, d, "helper ftp", "options ip_vs_ftp ports=21,2122", "rmmod ip_vs_ftp")
}
