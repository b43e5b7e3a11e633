//go:build lab

package netns_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

const (
	// localPort is that of the services whose servers are the two directors themselves.
	localPort = 7201
	// localRequests go through the pair before and after a takeover.
	localRequests = 1000
	// loopingRequests are those that go round, half of them until they time out.
	loopingRequests = 8

	localVIP6 = "2001:db8:0:1::10"
)

// A servingPair is two directors that are the servers of their services as well, lb1 the master.
type servingPair struct {
	*netns.Site
	t      *testing.T
	d1, d2 *netns.Director
	web    map[string]*netns.HTTPServer
}

// pairConfig has a service over each family, whose virtual addresses change hosts together.
func pairConfig(priority int, options string) string {
	return fmt.Sprintf(`%[1]s
vrrp_instance "web" {
  interface         = "outside"
  virtual_router_id = 51
  priority          = %[2]d
  advert_interval   = "500ms"
  virtual_addresses = ["192.0.2.10/24"]
}
vrrp_instance "web6" {
  interface         = "outside"
  virtual_router_id = 52
  priority          = %[2]d
  advert_interval   = "500ms"
  virtual_addresses = ["fe80::10/64"]
  virtual_address "%[4]s/128" {}
}
vrrp_sync_group "all" {
  instances = ["web", "web6"]
}
virtual_server "four" {
  address   = "192.0.2.10:%[3]d"
  scheduler = "rr"
  forward   = "dr"
  check "http" {
    path     = "/"
    interval = "2s"
    timeout  = "2s"
    fall     = 2
    rise     = 1
  }
  real_server "192.0.2.11:%[3]d" {}
  real_server "192.0.2.12:%[3]d" {}
}
virtual_server "six" {
  address   = "[%[4]s]:%[3]d"
  scheduler = "rr"
  forward   = "dr"
  check "http" {
    path     = "/"
    interval = "2s"
    timeout  = "2s"
    fall     = 2
    rise     = 1
  }
  real_server "[2001:db8:0:1::11]:%[3]d" {}
  real_server "[2001:db8:0:1::12]:%[3]d" {}
}
`, options, priority, localPort, localVIP6)
}

const pairSync = `
sync_daemon {
  interface = "inside"
  follow    = "web"
}
`

// newServingPair starts both directors with options and waits until lb1 is master and each thinks both servers well.
func newServingPair(t *testing.T, options string) *servingPair {
	t.Helper()
	p := &servingPair{Site: netns.NewSite(t), t: t, web: map[string]*netns.HTTPServer{}}
	p.Client.AddAddress("outside", "2001:db8:0:1::100/64")
	for i, n := range []*netns.Node{p.LB1, p.LB2} {
		n.Sysctl("net/ipv4/conf/all/arp_ignore", "1")
		n.Sysctl("net/ipv4/conf/all/arp_announce", "2")
		n.Sysctl("net/ipv6/conf/all/forwarding", "1")
		n.AddAddress("lo", netns.VIP().String()+"/32")
		n.AddAddress("lo", localVIP6+"/128")
		n.AddAddress("outside", fmt.Sprintf("2001:db8:0:1::1%d/64", i+1))
		p.web[n.Name] = n.HTTP(n.Name, fmt.Sprintf("[::]:%d", localPort)) // both families
	}
	p.d1 = p.LB1.Govrrpd(pairConfig(highPriority, options))
	p.d2 = p.LB2.Govrrpd(pairConfig(lowPriority, options))
	p.WaitFor(settle, "lb1 to be master", func() bool {
		return p.d1.Role("web") == "master" && p.d1.Role("web6") == "master" && p.d2.Role("web") == "backup" && p.d2.Role("web6") == "backup"
	})
	p.serving(p.LB1, 2)
	p.serving(p.LB2, 2)
	return p
}

// serving waits until n has so many servers in each service.
func (p *servingPair) serving(n *netns.Node, servers int) {
	p.t.Helper()
	p.WaitFor(settle, fmt.Sprintf("%s to have %d servers in each service", n.Name, servers), func() bool {
		return strings.Count(n.MustRun("ipvsadm", "-Sn"), "-a ") == 2*servers
	})
}

// guard waits for what the status of a director says of its guard.
func (p *servingPair) guard(d *netns.Director, line string) {
	p.t.Helper()
	p.WaitNone(settle, "LOOP GUARD  "+line, func() string {
		out, err := d.Command("status", "ipvs")
		if err != nil || !strings.Contains(out, "LOOP GUARD  "+line) {
			return fmt.Sprintf("%v\n%s", err, out)
		}
		return ""
	})
}

func url(vip string) string {
	return fmt.Sprintf("http://%s/", net.JoinHostPort(vip, fmt.Sprint(localPort)))
}

// passages returns how often the packet that was most often on the wire was there, of those that open connections to the services. A SYN that is
// sent again, as its sender got no answer, is another packet over IPv4, where each has an id.
func passages(frames []netns.Frame) int {
	seen, most := map[string]int{}, 0
	for _, f := range frames {
		if id, ok := opening(f.Data); ok {
			seen[id]++
			most = max(most, seen[id])
		}
	}
	return most
}

// opening returns what tells the packet in a frame apart from others if it opens a TCP connection to the services.
func opening(frame []byte) (id string, ok bool) {
	if len(frame) < 14+40+20 {
		return "", false
	}
	ip := frame[14:]
	var segment, ident []byte
	switch binary.BigEndian.Uint16(frame[12:]) {
	case 0x0800:
		segment, ident = ip[int(ip[0]&15)*4:], ip[4:6]
	case 0x86dd:
		segment = ip[40:]
	}
	if len(segment) < 14 || binary.BigEndian.Uint16(segment[2:]) != localPort || segment[13]&0x12 != 0x02 {
		return "", false
	}
	return fmt.Sprintf("%x %x", segment[:8], ident), true
}

// shared reports whether both servers had about half of the requests each; a SYN that is sent again on a busy machine may take a turn.
func shared(got netns.Tally, requests int) bool {
	return got.Answers["lb1"] >= requests*2/5 && got.Answers["lb2"] >= requests*2/5 && got.Answers["lb1"]+got.Answers["lb2"] == requests
}

// Two directors that are the servers of their services: both answer, a packet crosses each of them once at most, and the pair survives its master.
func TestPairOfDirectorsThatServe(t *testing.T) {
	p := newServingPair(t, pairSync)
	p.guard(p.d1, `off: web is master here, IPVS balances; real server 192.0.2.11:7201 of virtual_server "four" is this host`)
	p.guard(p.d2, `on: web is not master here, IPVS passes over every packet; real server 192.0.2.12:7201 of virtual_server "four" is this host`)
	wire := p.Capture(p.Outside[p.Client], p.Outside[p.LB1], p.Outside[p.LB2])
	got := p.Client.GetMany(url(netns.VIP().String()), localRequests, settle)
	six := p.Client.GetMany(url(localVIP6), localRequests/10, settle)
	if got.Problem() != "" || six.Problem() != "" || !shared(got, localRequests) || !shared(six, localRequests/10) {
		t.Errorf("answers %v and over IPv6 %v: %s %s", got.Answers, six.Answers, got.Problem(), six.Problem())
	}
	if most := passages(wire.Frames()); most != 2 {
		t.Errorf("a packet was on the wire %d times, want twice: to the master, and from there to the other server", most)
	}

	p.LB1.Crash()
	p.Outside[p.LB1].Cut()
	p.Inside[p.LB1].Cut()
	p.guard(p.d2, "off: web is master here, IPVS balances")
	p.serving(p.LB2, 1)
	got = p.Client.GetMany(url(netns.VIP().String()), localRequests, settle)
	if got.Problem() != "" || got.Answers["lb2"] != localRequests {
		t.Errorf("after the takeover: answers %v: %s", got.Answers, got.Problem())
	}
}

// What the guard is for: without it packets go round between the two until they have crossed too many hosts.
func TestPairOfDirectorsLoopsWithoutGuard(t *testing.T) {
	p := newServingPair(t, "ipvs {\n  loop_guard = false\n}\n")
	out, err := p.d2.Command("status", "ipvs")
	if err != nil || !strings.Contains(out, "WARNING: real server 192.0.2.12:7201") {
		t.Errorf("status warns of nothing: %v\n%s", err, out)
	}
	wire := p.Capture(p.Outside[p.Client], p.Outside[p.LB1], p.Outside[p.LB2])
	got := p.Client.GetMany(url(netns.VIP().String()), loopingRequests, time.Second)
	if most := passages(wire.Frames()); most < 10 || got.Problem() == "" {
		t.Errorf("a packet was on the wire %d times at most, and of %d requests %d failed: nothing goes round", most, loopingRequests, len(got.Failures))
	}

	if out, err := p.d2.Reload(pairConfig(lowPriority, "")); err != nil {
		t.Fatalf("reload: %v\n%s", err, out)
	}
	p.guard(p.d2, "on: ")
	if got := p.Client.GetMany(url(netns.VIP().String()), 20, settle); got.Problem() != "" || !shared(got, 20) {
		t.Errorf("with a guard of its own: answers %v: %s", got.Answers, got.Problem())
	}
}

// A director that serves as well, without a second one: what each way to forward delivers to its own program, over both families.
func TestDirectorServesAsLocalNode(t *testing.T) {
	tr := netns.NewTraffic(t)
	const checked = `
  check "http" {
    path     = "/"
    interval = "2s"
    timeout  = "2s"
    fall     = 1
    rise     = 1
  }`
	vip, vip6 := netns.VIP().String(), localVIP6
	nodes := []struct{ name, vip, port, forward, server string }{
		{"dr-own", vip, "7301", "dr", "10.0.0.2:7301"},
		{"dr-loop", vip, "7302", "dr", "127.0.0.1:7302"},
		{"tun-own", vip, "7303", "tun", "10.0.0.2:7303"},
		{"nat-own", vip, "7304", "nat", "10.0.0.2:7399"},
		{"dr6-own", vip6, "7311", "dr", "[2001:db8:0:2::2]:7311"},
		{"dr6-loop", vip6, "7312", "dr", "[::1]:7312"},
		{"nat6-own", vip6, "7314", "nat", "[2001:db8:0:2::2]:7399"},
	}
	var config strings.Builder
	var listen []string
	for _, n := range nodes {
		fmt.Fprintf(&config, "virtual_server %q {\n  address = %q\n  forward = %q%s\n  real_server %q {}\n}\n", n.name, net.JoinHostPort(n.vip, n.port), n.forward, checked, n.server)
		if n.forward != "nat" {
			listen = append(listen, "[::]:"+n.port)
		}
	}
	fmt.Fprintf(&config, "virtual_server \"nat-loop\" {\n  address = \"%s:7305\"\n  forward = \"nat\"%s\n  real_server \"127.0.0.1:7399\" {}\n}\n", vip, checked)
	web := tr.LB1.HTTP("lb1", append(listen, "[::]:7399")...)
	tr.LB1.Govrrpd(config.String())
	up := func(servers int) {
		t.Helper()
		tr.WaitFor(settle, fmt.Sprintf("%d servers in the table", servers), func() bool {
			return strings.Count(tr.LB1.MustRun("ipvsadm", "-Sn"), "-a ") == servers
		})
	}
	up(len(nodes) + 1)
	for _, n := range nodes {
		got := tr.Client.GetMany("http://"+net.JoinHostPort(n.vip, n.port)+"/", 10, settle)
		if got.Problem() != "" || got.Answers["lb1"] != 10 {
			t.Errorf("%s: answers %v: %s", n.name, got.Answers, got.Problem())
		}
	}
	const dropped = "7305" // NAT to the loopback, which the kernel does not let others reach
	if out, err := tr.Client.Get("http://"+net.JoinHostPort(vip, dropped)+"/", 500*time.Millisecond); err == nil {
		t.Errorf("NAT to 127.0.0.1 answers %q, and the reference says that it does not", out)
	}
	web.Stop()
	up(0) // the checks ask the program itself
}
