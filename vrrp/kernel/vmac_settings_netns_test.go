//go:build netns

package kernel

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/govrrpd/govrrpd/vrrp"
)

// set changes a setting for the length of the test.
func set(t *testing.T, s setting) {
	t.Helper()
	was, err := s.read()
	must(t, err)
	must(t, os.WriteFile(s.path(), []byte(s.value), 0))
	t.Cleanup(func() {
		s.value = was
		_, _ = s.ensure() // the interface may be gone
	})
}

// Where every interface refuses what comes in on another than the way back is, the virtual address answers all the same.
func TestVMACAnswersWhereTheReversePathIsStrict(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	l.farAddress("192.0.2.2/24")
	set(t, setting{"ipv4", "all", "rp_filter", "1"})
	c := l.disguised("r1", 71, "192.0.2.10/24")
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	must(t, h.Hold(c, true))
	l.ping(t, "192.0.2.10")
	if got := (setting{"ipv4", "all", "rp_filter", ""}).number(); got != 1 {
		t.Errorf("the setting of all interfaces became %d", got)
	}
}

// What somebody changes about the settings is put back when everything is read again, and what they were before is kept.
func TestSettingsForAVMACComeBack(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	set(t, setting{"ipv4", l.near, "arp_announce", "1"})
	before := readSettings(t, l.near)
	c, other := l.disguised("r2", 72, "192.0.2.10/24"), l.disguised("r3", 73, "192.0.2.11/24")
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	must(t, h.Attach(other, newRecorder()))
	during := readSettings(t, l.near)
	must(t, os.WriteFile(setting{family: "ipv4", ifname: l.near, key: "arp_ignore"}.path(), []byte("0"), 0))
	h.reread()
	if now := readSettings(t, l.near); now["arp_ignore"] != during["arp_ignore"] {
		t.Errorf("arp_ignore is %s, want %s", now["arp_ignore"], during["arp_ignore"])
	}
	h.Detach(c.Name)
	if now := readSettings(t, l.near); now["arp_announce"] != during["arp_announce"] {
		t.Error("the settings went with the first of two macvlans")
	}
	h.Detach(other.Name)
	if now := readSettings(t, l.near); now["arp_announce"] != before["arp_announce"] || now["arp_ignore"] != before["arp_ignore"] {
		t.Errorf("settings of the base are %s and %s, want %s and %s", now["arp_announce"], now["arp_ignore"], before["arp_announce"], before["arp_ignore"])
	}
}

// R-7.4-01: no address is made of the virtual hardware address, up or down.
func TestNoIdentifierComesFromTheVMAC(t *testing.T) {
	l := newLAN(t)
	l.address("2001:db8::1/64")
	l.farAddress("2001:db8::2/64")
	c := l.disguised("r4", 74, "fe80::100/64", "2001:db8::10/64")
	wire := l.capture()
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	run(t, h)
	must(t, h.Hold(c, true))
	l.ready(t)
	l.ping(t, "2001:db8::10")
	link, err := netlink.LinkByName(c.VMAC.Name)
	must(t, err)
	list, err := netlink.AddrList(link, netlink.FAMILY_V6)
	must(t, err)
	for _, a := range list {
		if s := a.IPNet.String(); s != "fe80::100/64" && s != "2001:db8::10/64" {
			t.Errorf("the macvlan has %s", s)
		}
	}
	must(t, h.Hold(c, false))
	for _, p := range wire.matching(from(vrrp.VirtualMAC(74, vrrp.IPv6))) {
		if s := p.String(); strings.Contains(s, "RouterSolicitation") || strings.Contains(s, "fe80::200:5eff") {
			t.Errorf("the VMAC sent %s", s)
		}
	}
}

// A reload may bring the first IPv6 address, and take it away again.
func TestVMACTakesIPv6WhenAReloadBringsIt(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	c := l.disguised("r5", 75, "192.0.2.10/24")
	h := newHost(t)
	must(t, h.Attach(c, newRecorder()))
	must(t, h.Hold(c, true))
	more := *c
	more.Addresses = append(more.Addresses[:1:1], vrrp.Address{Prefix: netip.MustParsePrefix("2001:db8::10/64"), Excluded: true})
	must(t, h.Configure(&more))
	must(t, h.Hold(&more, true))
	must(t, h.Configure(c))
	must(t, h.Hold(c, true))
	if got := (setting{"ipv6", c.VMAC.Name, "disable_ipv6", ""}).number(); got != 1 {
		t.Error("IPv6 stayed when nobody needed it any more")
	}
}
