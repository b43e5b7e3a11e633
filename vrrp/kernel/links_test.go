package kernel

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

func TestPrimaryAddressIsTheFirstRealOne(t *testing.T) {
	type a struct {
		prefix string
		fact   addrFact
	}
	secondary := addrFact{flags: unix.IFA_F_SECONDARY}
	for _, test := range []struct {
		name    string
		addrs   []a
		virtual string
		want    string
	}{
		{"none", nil, "", ""},
		{"the first to come", []a{{"10.0.0.2/24", addrFact{}}, {"10.1.0.1/24", addrFact{}}}, "", "10.0.0.2"},
		{"not a secondary one", []a{{"10.0.0.2/24", secondary}, {"10.1.0.1/24", addrFact{}}}, "", "10.1.0.1"},
		{"wide scope goes before link scope", []a{{"169.254.0.1/16", addrFact{scope: 253}}, {"10.1.0.1/24", addrFact{}}}, "", "10.1.0.1"},
		{"not a virtual one", []a{{"10.0.0.2/24", addrFact{}}, {"10.0.0.3/24", addrFact{}}}, "10.0.0.2", "10.0.0.3"},
		{"not one with our mark", []a{{"10.0.0.2/24", addrFact{proto: protoOurs}}, {"10.0.0.3/24", secondary}}, "", "10.0.0.3"},
		{"not one of keepalived", []a{{"10.0.0.2/24", addrFact{proto: protoKeepalived}}}, "", ""},
		{"not IPv6", []a{{"2001:db8::1/64", addrFact{}}}, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			table := newTable()
			for _, a := range test.addrs {
				table.putAddr(addrKey{3, netip.MustParsePrefix(a.prefix)}, a.fact)
			}
			virtual := map[netip.Addr]bool{}
			if test.virtual != "" {
				virtual[netip.MustParseAddr(test.virtual)] = true
			}
			var want netip.Addr
			if test.want != "" {
				want = netip.MustParseAddr(test.want)
			}
			if got := table.primary(3, virtual); got != want {
				t.Errorf("primary = %v, want %v", got, want)
			}
		})
	}
}

// A second notice about an address, as when it is promoted from secondary, does not put it behind those that came later.
func TestAddressKeepsItsPlaceWhenItChanges(t *testing.T) {
	table := newTable()
	first, second := addrKey{3, netip.MustParsePrefix("10.0.0.1/24")}, addrKey{3, netip.MustParsePrefix("10.1.0.1/24")}
	table.putAddr(first, addrFact{flags: unix.IFA_F_SECONDARY})
	table.putAddr(second, addrFact{})
	table.putAddr(first, addrFact{})
	if got := table.primary(3, nil); got != first.prefix.Addr() {
		t.Errorf("primary = %s, want %s", got, first.prefix.Addr())
	}
}

func TestRenameFreesTheOldName(t *testing.T) {
	table := newTable()
	table.putLink(link{index: 3, name: "eth0"})
	table.putLink(link{index: 3, name: "wan"})
	if _, ok := table.byName("eth0"); ok {
		t.Error("eth0 is still known")
	}
	table.putLink(link{index: 4, name: "eth0"})
	table.putLink(link{index: 4, name: "wan"}) // takes the name before the other's notice is read
	table.dropLink(3)
	if l, ok := table.byName("wan"); !ok || l.index != 4 {
		t.Errorf("wan is %+v %t, want index 4", l, ok)
	}
}

func TestLinkFaultNamesWhatIsWrong(t *testing.T) {
	const up, lower = unix.IFF_UP, unix.IFF_LOWER_UP
	for _, test := range []struct {
		name  string
		flags uint32
		oper  uint8
		want  string
	}{
		{"fine", up | lower, 6, ""},
		{"a driver that reports no state", up | lower, 0, ""},
		{"admin down", 0, operDown, "link: eth0 is down"},
		{"no carrier", up, operDown, "link: eth0 has no carrier"},
		{"the lower interface is down", up | lower, operLowerLayerDown, "link: eth0 has no carrier"},
		{"not present", up | lower, operNotPresent, "link: eth0 has no carrier"},
	} {
		t.Run(test.name, func(t *testing.T) {
			table := newTable()
			table.putLink(link{index: 3, name: "eth0", flags: test.flags, oper: test.oper})
			if got := table.linkFault("eth0"); got != test.want {
				t.Errorf("fault %q, want %q", got, test.want)
			}
		})
	}
	if got, want := newTable().linkFault("eth0"), "link: eth0 does not exist"; got != want {
		t.Errorf("fault %q, want %q", got, want)
	}
}

func TestSourceFaultDependsOnWhatIsConfigured(t *testing.T) {
	local, foreign := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.9.9.9")
	peers := []netip.Addr{netip.MustParseAddr("10.0.0.2")}
	for _, test := range []struct {
		name   string
		config vrrp.Config
		has    bool // eth0 has local
		want   string
	}{
		{"own address", vrrp.Config{}, true, ""},
		{"none", vrrp.Config{}, false, "source: eth0 has no IPv4 address of its own"},
		{"a configured source needs none", vrrp.Config{Source: foreign}, false, ""},
		{"unicast from an address of the host", vrrp.Config{Source: local, Peers: peers}, true, ""},
		{"unicast from a foreign address", vrrp.Config{Source: foreign, Peers: peers}, true, "source: 10.9.9.9 is not an address of this host"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := &facts{table: newTable()}
			f.table.putLink(link{index: 3, name: "eth0", flags: unix.IFF_UP | unix.IFF_LOWER_UP})
			if test.has {
				f.table.putAddr(addrKey{3, netip.PrefixFrom(local, 24)}, addrFact{})
			}
			test.config.Interface = "eth0"
			if got := f.judge(&test.config); got.source != test.want || got.link != "" {
				t.Errorf("judged %+v, want source fault %q", got, test.want)
			}
		})
	}
}
