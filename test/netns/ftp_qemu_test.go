//go:build lab && qemu

package netns_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/govrrpd/govrrpd/test/netns"
)

const ftpMarksConfig = `
virtual_server "direct" {
  scheduler = "rr"
  forward   = "dr"
  match {
    addresses = ["192.0.2.10"]
    ports     = ["20-21", "10000-10100"]
  }
  persistence { timeout = "300s" }
  real_server "10.0.0.11" {}
  real_server "10.0.0.12" {}
  real_server "10.0.0.13" {}
}
virtual_server "nat" {
  scheduler = "rr"
  helper    = "ftp"
  match {
    addresses = ["192.0.2.15"]
    ports     = ["21"]
  }
  real_server "10.0.0.11" {}
  real_server "10.0.0.12" {}
  real_server "10.0.0.13" {}
}
`

// Files come by FTP through one service by mark: directly, with the passive ports marked too, and by NAT, with the helper. Nothing else of the
// address is balanced.
func TestKernel612CarriesMarkedFTP(t *testing.T) {
	s := newFTPSite(t, "pasv_min_port=10000", "pasv_max_port=10100")
	s.LB1.Govrrpd(ftpMarksConfig)
	s.WaitFor(settle, "all servers to be in the table", func() bool { return strings.Count(s.LB1.MustRun("ipvsadm", "-Sn"), "-a -f ") == 6 })
	s.everybodyServes("192.0.2.10:21", "192.0.2.10", true)
	s.everybodyServes("192.0.2.15:21", "192.0.2.10", false)
	if who, err := s.Client.Get("http://192.0.2.10:81/", ftpLost); err == nil {
		t.Errorf("a port that is not matched is answered by %s", who)
	}
	if table := s.LB1.MustRun("ipvsadm", "-Sn"); strings.Count(table, "-A ") != 2 {
		t.Errorf("there are more services than two:\n%s", table)
	}
}

const bundleConfig = `
virtual_server "bundle" {
  scheduler = "rr"
  match {
    addresses = ["198.51.100.0/24"]
    ports     = ["80", "443"]
  }
  persistence { timeout = "300s" }
  real_server "10.0.0.11" {}
  real_server "10.0.0.12" {}
  real_server "10.0.0.13" {}
}
`

const otherConfig = `
virtual_server "other" {
  match {
    addresses = ["192.0.2.10"]
    ports     = ["8000-8010"]
  }
  real_server "10.0.0.13:8080" {}
}
`

// One service takes two ports of a whole /24: a client that talked to one port of one address meets the same server at the other port and
// at any other address, and not all clients meet the same. When the service goes its marks go, and neither those of another service nor
// the rules of others.
func TestKernel612KeepsClientsOfMarksTogether(t *testing.T) {
	site := netns.NewSite(t)
	site.LB1.AddAddress("outside", "192.0.2.10/24")
	site.LB1.AddAddress("inside", "10.0.0.1/24")
	site.LB1.MustRun("ip", "route", "add", "local", "198.51.100.0/24", "dev", "lo") // all of it is here, without 256 addresses
	site.Client.Route("198.51.100.0/24", "192.0.2.11", "outside")
	for i := 1; i <= 6; i++ {
		site.Client.AddAddress("outside", fmt.Sprintf("192.0.2.10%d/24", i))
	}
	site.AnswerAt(80, 443)
	const theirs = "add table inet theirs; add chain inet theirs in { type filter hook prerouting priority 0; }; add rule inet theirs in tcp dport 9 meta mark set 9 counter"
	site.LB1.MustRun("nft", theirs)
	d := site.LB1.Govrrpd(bundleConfig + otherConfig)
	site.WaitFor(settle, "all servers to be in the table", func() bool { return strings.Count(site.LB1.MustRun("ipvsadm", "-Sn"), "-a -f ") == 4 })
	get := func(from, to string) (string, error) {
		out, err := site.Client.Run("curl", "-sS", "-m", "10", "--interface", from, "http://"+to+"/")
		return strings.TrimSpace(out), err
	}
	home := map[string]string{}
	for i, to := range []string{"198.51.100.1:80", "198.51.100.1:443", "198.51.100.254:443", "198.51.100.77:80", "198.51.100.1:80"} {
		for n := 1; n <= 6; n++ {
			from := fmt.Sprintf("192.0.2.10%d", n)
			who, err := get(from, to)
			if err != nil {
				t.Fatalf("%s from %s: %v: %s\n%s\n%s", to, from, err, who, site.LB1.MustRun("nft", "list", "ruleset"), site.LB1.MustRun("ipvsadm", "-Lcn"))
			}
			if i == 0 {
				home[from] = who
			} else if who != home[from] {
				t.Errorf("%s met %s at %s, and %s before", from, who, to, home[from])
			}
		}
	}
	for _, server := range site.Servers {
		if n := count(home, server.Name); n != 2 {
			t.Errorf("%s has %d of 6 clients: %v", server.Name, n, home)
		}
	}
	bundleGoesAlone(t, site, d, get)
}

func count(home map[string]string, server string) (n int) {
	for _, who := range home {
		if who == server {
			n++
		}
	}
	return n
}

// bundleGoesAlone removes the service and looks at what stays.
func bundleGoesAlone(t *testing.T, site *netns.Site, d *netns.Director, get func(from, to string) (string, error)) {
	t.Helper()
	flow := "192.0.2.10:8005"
	if who, err := get("192.0.2.101", flow); who != "rs3" || err != nil {
		t.Fatalf("the other service: %s, %v", who, err)
	}
	rules := func() []string {
		var out []string
		for line := range strings.Lines(site.LB1.MustRun("nft", "-s", "list", "ruleset")) { // without the counters
			out = append(out, strings.TrimSpace(line))
		}
		return out
	}
	before := rules()
	if out, err := d.Reload(otherConfig); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	after := rules()
	for _, line := range before {
		if strings.Contains(line, "tcp dport 9 ") && !slices.Contains(after, line) {
			t.Errorf("a rule of others is gone: %s", line)
		}
	}
	text := strings.Join(after, "\n")
	if strings.Contains(text, "198.51.100.0/24") || !strings.Contains(text, "8000-8010") {
		t.Errorf("the marks are\n%s", text)
	}
	if table := site.LB1.MustRun("ipvsadm", "-Sn"); strings.Count(table, "-A -f ") != 1 {
		t.Errorf("the table is\n%s", table)
	}
	if who, err := get("192.0.2.101", flow); who != "rs3" || err != nil {
		t.Errorf("the other service, afterwards: %s, %v", who, err)
	}
	if who, err := get("192.0.2.101", "198.51.100.1:80"); err == nil {
		t.Errorf("the service that was removed is answered by %s", who)
	}
}
