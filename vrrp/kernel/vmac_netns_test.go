//go:build netns

package kernel

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/vishvananda/netlink"

	"github.com/govrrpd/govrrpd/vrrp"
)

// disguised returns a router on the lan with a virtual hardware address.
func (l *lan) disguised(name string, vrid uint8, addrs ...string) *vrrp.Config {
	c := l.config(name, vrid, addrs...)
	c.VMAC = &vrrp.VMAC{Name: "vrrp." + name, Address: vrrp.VirtualMAC(vrid, c.Family())}
	c.Announce = vrrp.Announce{Repeat: 1}
	return c
}

// from takes frames with that Ethernet source.
func from(mac vrrp.MAC) func(gopacket.Packet) bool {
	return func(p gopacket.Packet) bool { return len(p.Data()) >= 12 && bytes.Equal(p.Data()[6:12], mac[:]) }
}

func both(f, g func(gopacket.Packet) bool) func(gopacket.Packet) bool {
	return func(p gopacket.Packet) bool { return f(p) && g(p) }
}

// readSettings returns the settings of an interface that the kernel has for IPv4.
func readSettings(t *testing.T, ifname string) map[string]string {
	t.Helper()
	out := map[string]string{}
	files, err := filepath.Glob(filepath.Join(sysctlRoot, "ipv4", "conf", ifname, "*"))
	must(t, err)
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil {
			out[filepath.Base(f)] = strings.TrimSpace(string(b))
		}
	}
	return out
}

// wantSettings holds that the settings of the near interface are as they were before.
func (l *lan) wantSettings(t *testing.T, before map[string]string) {
	t.Helper()
	if diff := cmp.Diff(before, readSettings(t, l.near)); diff != "" {
		t.Errorf("settings of the base (-before +after):\n%s", diff)
	}
}

// orphan leaves the macvlan of a master that died.
func orphan(t *testing.T, c *vrrp.Config) *netlink.Macvlan {
	t.Helper()
	dead := NewHost(newHost(t).log)
	must(t, dead.Attach(c, newRecorder()))
	must(t, dead.Hold(c, true))
	dead.ledger.close()
	dead.macvlans.close()
	return macvlanOf(c)
}

// macvlanOf returns the macvlan of c, or nil.
func macvlanOf(c *vrrp.Config) *netlink.Macvlan {
	link, err := netlink.LinkByName(c.VMAC.Name)
	if err != nil {
		return nil
	}
	m, _ := link.(*netlink.Macvlan)
	return m
}

func isUp(l *netlink.Macvlan) bool { return l != nil && l.Flags&1 != 0 }

func TestVMACIsDownAsBackupAndUpAsMaster(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	c := l.disguised("m1", 51, "192.0.2.10/24")
	before := readSettings(t, l.near)
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	run(t, h)

	m := macvlanOf(c)
	if m == nil || isUp(m) || m.Mode != netlink.MACVLAN_MODE_PRIVATE || m.HardwareAddr.String() != "00:00:5e:00:01:33" {
		t.Fatalf("as backup: %+v", m)
	}
	must(t, h.Hold(c, true))
	if now := macvlanOf(c); !isUp(now) || now.Index != m.Index {
		t.Errorf("as master: %+v", now)
	}
	if got := addressesOn(t, c.VMAC.Name); !cmp.Equal(got, []string{"192.0.2.10/24"}) {
		t.Errorf("the macvlan has %v", got)
	}
	if got := l.addresses(); !cmp.Equal(got, []string{"192.0.2.1/24"}) {
		t.Errorf("the base has %v", got)
	}
	must(t, h.Hold(c, false))
	if now := macvlanOf(c); isUp(now) || len(addressesOn(t, c.VMAC.Name)) > 0 {
		t.Errorf("as backup again: %+v", now)
	}
	h.Detach(c.Name)
	if now := macvlanOf(c); now != nil {
		t.Errorf("after the end there is %+v", now)
	}
	l.wantSettings(t, before)
}

// The wire of a backup shows nothing of the virtual hardware address; that of a master what RFC 9568 wants and nothing else.
func TestOnlyTheMasterShowsTheVMAC(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	l.farAddress("192.0.2.2/24")
	c := l.disguised("m2", 52, "192.0.2.10/24")
	mac := c.VMAC.Address
	wire := l.capture()
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	run(t, h)
	must(t, h.Hold(c, true))
	must(t, h.Announce(c))
	eventually(t, "gratuitous ARP from the VMAC", func() bool { return len(wire.matching(both(from(mac), isARP))) == 1 })
	must(t, h.Send(c, vrrp.Group4, vrrp.Packet{Version: vrrp.V3, VRID: 52, Priority: 100, Interval: time.Second, Addresses: c.Advertised()}))
	eventually(t, "advert from the VMAC", func() bool { return len(wire.matching(both(from(mac), isVRRP))) == 1 })
	l.ping(t, "192.0.2.10")
	if n := l.neighbor(t, "192.0.2.1"); n != nil { // or the peer would not ask for it
		must(t, l.peer.NeighDel(n))
	}
	l.ping(t, "192.0.2.1")
	l.unanswered(t, "192.0.2.98") // a second, in which the kernel would speak if it was let
	must(t, h.Hold(c, false))
	l.unanswered(t, "192.0.2.10")
	for _, p := range wire.matching(from(mac)) {
		if arp, ok := p.Layer(layers.LayerTypeARP).(*layers.ARP); ok {
			if !bytes.Equal(arp.SourceHwAddress, mac[:]) || netip.AddrFrom4([4]byte(arp.SourceProtAddress)).String() != "192.0.2.10" {
				t.Errorf("ARP from the VMAC says %v", arp)
			}
			continue
		}
		if !isVRRP(p) && p.Layer(layers.LayerTypeICMPv4) == nil {
			t.Errorf("the VMAC sent %v", p)
		}
	}
	for _, p := range wire.matching(both(from(vrrp.MAC(l.nearLink().Attrs().HardwareAddr)), func(p gopacket.Packet) bool {
		arp, ok := p.Layer(layers.LayerTypeARP).(*layers.ARP)
		return ok && netip.AddrFrom4([4]byte(arp.SourceProtAddress)).String() == "192.0.2.10"
	})) {
		t.Errorf("the physical address spoke for the virtual address: %v", p)
	}
}

// Another master has the same hardware address, and the kernel gives what comes from it to our macvlan.
func TestMasterHearsAnotherMasterWithItsOwnVMAC(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	c := l.disguised("m3", 53, "192.0.2.10/24")
	r := newRecorder()
	h := newHost(t)
	must(t, h.Attach(c, r))
	run(t, h)
	for i, on := range []bool{false, true, false} {
		must(t, h.Hold(c, on))
		l.injectFrom(c.VMAC.Address, advertFrom("192.0.2.9", "224.0.0.18", vrrp.Packet{
			Version: vrrp.V3, VRID: 53, Priority: uint8(10 + i), Interval: time.Second, Addresses: c.Advertised(),
		}, nil))
		eventually(t, "advert heard", func() bool { return len(r.heard()) == i+1 })
	}
	if n := l.on(h).Received; n != 3 {
		t.Errorf("%d packets counted, want 3", n)
	}
}

// What others do to the macvlan is undone.
func TestVMACComesBack(t *testing.T) {
	for _, test := range []struct {
		name   string
		damage func(t *testing.T, m *netlink.Macvlan)
	}{
		{"deleted", func(t *testing.T, m *netlink.Macvlan) { must(t, netlink.LinkDel(m)) }},
		{"set down", func(t *testing.T, m *netlink.Macvlan) { must(t, netlink.LinkSetDown(m)) }},
		{"renamed", func(t *testing.T, m *netlink.Macvlan) { must(t, netlink.LinkSetName(m, "stray")) }},
		{"another address", func(t *testing.T, m *netlink.Macvlan) {
			must(t, netlink.LinkSetHardwareAddr(m, []byte{2, 0, 0, 0, 0, 9}))
		}},
		{"moved to another namespace", func(t *testing.T, m *netlink.Macvlan) {
			must(t, netlink.LinkSetNsFd(m, int(newNamespace(t))))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLAN(t)
			l.address("192.0.2.1/24")
			c := l.disguised("m4", 54, "192.0.2.10/24")
			h := newHost(t)
			must(t, h.Attach(c, newRecorder()))
			run(t, h)
			must(t, h.Hold(c, true))
			test.damage(t, macvlanOf(c))
			eventually(t, "the macvlan is as it was", func() bool {
				m := macvlanOf(c)
				if !isUp(m) || m.HardwareAddr.String() != c.VMAC.Address.String() || m.ParentIndex != l.nearLink().Attrs().Index {
					return false
				}
				return cmp.Equal(addressesOn(t, c.VMAC.Name), []string{"192.0.2.10/24"})
			})
			if _, err := netlink.LinkByName("stray"); err == nil {
				t.Error("the renamed one is still there")
			}
		})
	}
}

// A process that died leaves the macvlan as it was, and the next one goes on with it and knows what the settings were.
func TestOrphanIsAdoptedAndRemoved(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	before := readSettings(t, l.near)
	c := l.disguised("m5", 55, "192.0.2.10/24")
	m := orphan(t, c)
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	if now := macvlanOf(c); !isUp(now) || now.Index != m.Index {
		t.Fatalf("adopted: %+v", now)
	}
	if _, err := h.Sweep(); err != nil {
		t.Fatal(err)
	}
	must(t, h.Hold(c, true))
	if got := addressesOn(t, c.VMAC.Name); !cmp.Equal(got, []string{"192.0.2.10/24"}) {
		t.Errorf("the macvlan has %v", got)
	}
	h.Close()
	if now := macvlanOf(c); now != nil {
		t.Errorf("after the end there is %+v", now)
	}
	l.wantSettings(t, before)
}

func TestSweepRemovesAnOrphanThatNobodyWants(t *testing.T) {
	l := newLAN(t)
	before := readSettings(t, l.near)
	c := l.disguised("m6", 56, "192.0.2.10/24")
	orphan(t, c)
	h := newHost(t)
	must(t, h.Attach(l.config("other", 57, "192.0.2.11/24"), newRecorder()))
	if _, err := h.Sweep(); err != nil {
		t.Fatal(err)
	}
	if now := macvlanOf(c); now != nil {
		t.Errorf("after the sweep there is %+v", now)
	}
	l.wantSettings(t, before)
}

func TestForeignInterfaceOfThatNameIsAFault(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	c := l.disguised("m7", 58, "192.0.2.10/24")
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.ParentIndex = c.VMAC.Name, l.nearLink().Attrs().Index
	must(t, netlink.LinkAdd(&netlink.Macvlan{LinkAttrs: attrs, Mode: netlink.MACVLAN_MODE_BRIDGE}))
	r := newRecorder()
	h := newHost(t)
	must(t, h.Attach(c, r))
	if got, want := r.fault("link"), "link: vmac vrrp.m7: an interface of that name exists, and is not ours"; got != want {
		t.Errorf("fault %q, want %q", got, want)
	}
	run(t, h)
	must(t, netlink.LinkDel(macvlanOf(c)))
	eventually(t, "the fault ends", func() bool { return r.fault("link") == "" && macvlanOf(c) != nil })
}

func TestVMACFollowsItsBase(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	c := l.disguised("m8", 59, "192.0.2.10/24")
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	run(t, h)
	for _, mtu := range []int{1400, 1600} {
		must(t, netlink.LinkSetMTU(l.nearLink(), mtu))
		eventually(t, "the MTU follows", func() bool { return macvlanOf(c).MTU == mtu })
	}
	l.unplug()
	eventually(t, "the macvlan goes with its base", func() bool { return macvlanOf(c) == nil })
	l.plug()
	eventually(t, "and comes back", func() bool { return macvlanOf(c) != nil })
}
