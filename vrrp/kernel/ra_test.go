package kernel

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/mdlayher/ndp"

	"github.com/govrrpd/govrrpd/vrrp"
)

func testRA() *vrrp.RouterAdvertisement {
	ra := vrrp.DefaultRA(600 * time.Second)
	ra.Preference, ra.Managed, ra.Other, ra.MTU = vrrp.PreferenceHigh, true, true, 1400
	ra.Reachable, ra.Retransmit = 30*time.Second, time.Second
	ra.Prefixes = []vrrp.AdvertisedPrefix{
		{Prefix: netip.MustParsePrefix("2001:db8::/64"), Valid: time.Hour, Preferred: time.Minute},
		{Prefix: netip.MustParsePrefix("2001:db8:1::/48"), OffLink: true, Managed: true, Valid: 2 * time.Hour, Preferred: time.Hour},
	}
	ra.DNS, ra.Search, ra.DNSLifetime = []netip.Addr{netip.MustParseAddr("2001:db8::53")}, []string{"example.net"}, time.Hour
	return &ra
}

func TestRouterAdvertisementIsWhatIsConfigured(t *testing.T) { // R-6.4.3-04
	mac := [6]byte{0, 0, 0x5e, 0, 2, 51}
	src := netip.MustParseAddr("fe80::100")
	for _, lifetime := range []time.Duration{30 * time.Minute, 0} {
		frame, err := appendRA(nil, mac, src, testRA(), lifetime)
		if err != nil {
			t.Fatal(err)
		}
		p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
		eth, ip := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet), p.Layer(layers.LayerTypeIPv6).(*layers.IPv6)
		if eth.DstMAC.String() != "33:33:00:00:00:01" || eth.SrcMAC.String() != "00:00:5e:00:02:33" {
			t.Errorf("from %s to %s", eth.SrcMAC, eth.DstMAC)
		}
		if ip.SrcIP.String() != "fe80::100" || ip.DstIP.String() != "ff02::1" || ip.HopLimit != 255 {
			t.Errorf("from %s to %s with hop limit %d", ip.SrcIP, ip.DstIP, ip.HopLimit)
		}
		got, err := ndp.ParseMessage(ip.Payload)
		if err != nil {
			t.Fatal(err)
		}
		want := &ndp.RouterAdvertisement{
			CurrentHopLimit: 64, ManagedConfiguration: true, OtherConfiguration: true, RouterSelectionPreference: ndp.High,
			RouterLifetime: lifetime, ReachableTime: 30 * time.Second, RetransmitTimer: time.Second,
			Options: []ndp.Option{
				&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: net.HardwareAddr(mac[:])},
				ndp.NewMTU(1400),
				&ndp.PrefixInformation{PrefixLength: 64, Prefix: netip.MustParseAddr("2001:db8::"), OnLink: true, AutonomousAddressConfiguration: true, ValidLifetime: time.Hour, PreferredLifetime: time.Minute},
				&ndp.PrefixInformation{PrefixLength: 48, Prefix: netip.MustParseAddr("2001:db8:1::"), ValidLifetime: 2 * time.Hour, PreferredLifetime: time.Hour},
				&ndp.RecursiveDNSServer{Lifetime: time.Hour, Servers: []netip.Addr{netip.MustParseAddr("2001:db8::53")}},
				&ndp.DNSSearchList{Lifetime: time.Hour, DomainNames: []string{"example.net"}},
			},
		}
		if lifetime == 0 {
			want.RouterSelectionPreference = ndp.Medium
		}
		if diff := cmp.Diff(ndp.Message(want), got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("message (-want +got):\n%s", diff)
		}
	}
}

// The times of RFC 4861 sections 6.2.4 and 6.2.6, with the least luck and with nearly the most.
func TestRouterAdvertisementsKeepTheirDistance(t *testing.T) {
	ra := vrrp.DefaultRA(600 * time.Second) // 198 s to 600 s
	start := time.Unix(1000, 0)
	after := func(d time.Duration) time.Time { return start.Add(d) }
	var s raSchedule
	want := func(what string, d time.Duration) {
		t.Helper()
		if !s.due.Equal(after(d)) {
			t.Errorf("%s: due after %s, want %s", what, s.due.Sub(start), d)
		}
	}
	s.begin(&ra, start)
	want("the first", 0)
	s.sent(after(0), 0.5)
	want("the second", 16*time.Second)
	s.sent(after(16*time.Second), 0.5)
	want("the third", 32*time.Second)
	s.sent(after(32*time.Second), 0)
	want("the fourth, with no luck", 32*time.Second+198*time.Second)
	s.solicited(after(33*time.Second), 0.5)
	want("asked for soon after one was sent", 35*time.Second)
	s.solicited(after(34*time.Second), 0.9)
	want("asked for again", 35*time.Second)
	s.sent(after(35*time.Second), 1)
	want("the longest pause", 35*time.Second+600*time.Second)
	s.solicited(after(100*time.Second), 0.5)
	want("asked for later", 100*time.Second+250*time.Millisecond)
	s.sent(after(101*time.Second), 0)
	s.begin(&ra, after(102*time.Second))
	want("something new soon after one was sent", 104*time.Second)
	s.begin(&ra, after(200*time.Second))
	want("something new", 200*time.Second)
}

func TestSolicitationsAreChecked(t *testing.T) {
	plain, err := ndp.MarshalMessage(&ndp.RouterSolicitation{})
	if err != nil {
		t.Fatal(err)
	}
	own, err := ndp.MarshalMessage(&ndp.RouterSolicitation{Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: make(net.HardwareAddr, 6)}}})
	if err != nil {
		t.Fatal(err)
	}
	host, nobody := &net.IPAddr{IP: net.ParseIP("fe80::77")}, &net.IPAddr{IP: net.IPv6unspecified}
	coded := append([]byte(nil), plain...)
	coded[1] = 1
	for _, tt := range []struct {
		name string
		b    []byte
		hops int
		from net.Addr
		want bool
	}{
		{"of a host", own, 255, host, true},
		{"of a host without its link-layer address", plain, 255, host, true},
		{"of a host that has no address yet", plain, 255, nobody, true},
		{"with a link-layer address of nobody", own, 255, nobody, false},
		{"from beyond a router", own, 254, host, false},
		{"with a code", coded, 255, host, false},
		{"cut", plain[:7], 255, host, false},
		{"empty", nil, 255, host, false},
	} {
		if got := validSolicitation(tt.b, tt.hops, tt.from); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.name, got, tt.want)
		}
	}
}
