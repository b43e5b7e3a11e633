package vrrp

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var ourSource = netip.MustParseAddr("198.51.100.1")

// vectorConfig is configured like the sender of the vectors.
func vectorConfig(change func(*Config)) *Config {
	c := &Config{
		Name: "web", Interface: "eth0", VRID: 51, Version: V3, Priority: 100, AdvertInterval: time.Second,
		Addresses: []Address{{Prefix: netip.PrefixFrom(vectorVIP, 24)}},
	}
	if change != nil {
		change(c)
	}
	return c
}

func vectorAdvert(change func(*Advert)) Advert {
	a := Advert{From: vectorSource, To: Group4, TTL: 255, Packet: vectorPacket(nil)}
	if change != nil {
		change(&a)
	}
	return a
}

func unicast(c *Config)    { c.Peers = []netip.Addr{vectorPeer, vectorSource} }
func toUs(a *Advert)       { a.To = ourSource }
func version2(c *Config)   { c.Version = V2 }
func secret(c *Config)     { c.Version, c.Password = V2, "secret" }
func asVersion2(a *Advert) { a.Packet.Version = V2 }
func both[T any](f ...func(T)) func(T) {
	return func(v T) {
		for _, f := range f {
			f(v)
		}
	}
}

func withPassword(a *Advert) {
	a.Packet.Version, a.Packet.AuthType = V2, AuthSimple
	copy(a.Packet.Password[:], "secret")
}

// Each refused row differs from an accepted one, the control, in one thing.
func TestAdmit(t *testing.T) {
	form := func(f Form) func(*Config) { return func(c *Config) { c.Checksum = f } }
	formed := func(f Form) func(*Advert) { return func(a *Advert) { a.Packet.Form = f } }
	for _, tt := range []struct {
		name    string
		c       func(*Config)
		control func(*Advert)
		change  func(*Advert)
		want    Reason
	}{
		{"TTL 254 (R-5.1.1.3-02)", nil, nil, func(a *Advert) { a.TTL = 254 }, DropTTL},
		{"TTL 64 (R-5.1.1.3-02)", nil, nil, func(a *Advert) { a.TTL = 64 }, DropTTL},
		{"TTL 1 with priority 255 (R-5.1.1.3-02)", nil, func(a *Advert) { a.Packet.Priority = 255 }, func(a *Advert) { a.TTL = 1 }, DropTTL},
		{"version 2 for version 3 (R-7.1-01)", nil, nil, asVersion2, DropVersion},
		{"version 3 for version 2", version2, asVersion2, func(a *Advert) { a.Packet.Version = V3 }, DropVersion},
		{"another VRID (R-7.1-05)", nil, nil, func(a *Advert) { a.Packet.VRID = 52 }, DropVRID},
		{"VRID 0 (R-5.2.3-01)", nil, nil, func(a *Advert) { a.Packet.VRID = 0 }, DropVRID},
		{"our own (R-6.4.3-14)", nil, nil, func(a *Advert) { a.From = ourSource }, DropOwn},
		{"multicast for a unicast router", unicast, toUs, func(a *Advert) { a.To = Group4 }, DropMulticast},
		{"unicast for a multicast router", nil, nil, toUs, DropUnicast},
		{"a stranger", unicast, toUs, func(a *Advert) { a.From = netip.MustParseAddr("198.51.100.99") }, DropPeer},
		{"message only where the pseudo-header is demanded", form(FormPseudoHeader), formed(FormPseudoHeader), formed(FormMessage), DropForm},
		{"pseudo-header where message only is demanded", form(FormMessage), nil, formed(FormPseudoHeader), DropForm},
		{"old unicast where the pseudo-header is demanded", both(unicast, form(FormPseudoHeader)), both(toUs, formed(FormPseudoHeader)), formed(FormOldUnicast), DropForm},
		{"old unicast where message only is demanded", both(unicast, form(FormMessage)), toUs, formed(FormOldUnicast), DropForm},
		{"a password that we do not have", version2, asVersion2, withPassword, DropAuthType},
		{"no password", secret, withPassword, func(a *Advert) { a.Packet.AuthType = AuthNone }, DropAuthType},
		{"authentication header", secret, withPassword, func(a *Advert) { a.Packet.AuthType = 2 }, DropAuthType},
		{"another password", secret, withPassword, func(a *Advert) { a.Packet.Password[0]++ }, DropPassword},
		{"a longer password", secret, withPassword, func(a *Advert) { a.Packet.Password[7] = 'x' }, DropPassword},
		{"an HMAC that we could not check", nil, nil, func(a *Advert) { a.Packet.Trailer = make([]byte, hmacLen) }, DropHMAC},
		{"version 2, 2 s", version2, asVersion2, func(a *Advert) { a.Packet.Interval = 2 * time.Second }, DropInterval},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, a := vectorConfig(tt.c), vectorAdvert(tt.control)
			if err := Admit(c, ourSource, a); err != nil {
				t.Fatalf("control: %v", err)
			}
			tt.change(&a)
			if err := Admit(c, ourSource, a); err != tt.want {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestAdmitAccepts(t *testing.T) {
	for _, tt := range []struct {
		name   string
		c      func(*Config)
		change func(*Advert)
	}{
		{"another interval in version 3 (R-7.1-12)", nil, func(a *Advert) { a.Packet.Interval = 3 * time.Second }},
		{"other addresses (R-7.1-14)", nil, func(a *Advert) { a.Packet.Addresses = []netip.Addr{vectorPeer, vectorSource} }},
		{"an advert for the owner (R-7.1-06)", func(c *Config) { c.Priority = 255 }, func(a *Advert) { a.Packet.Priority = 255 }},
		{"unicast from some hops away", unicast, func(a *Advert) { a.To, a.TTL = ourSource, 60 }},
		{"the pseudo-header form", nil, func(a *Advert) { a.Packet.Form = FormPseudoHeader }},
		{"the old unicast form", unicast, func(a *Advert) { a.To, a.Packet.Form = ourSource, FormOldUnicast }},
		{"version 2 data without a type", version2, func(a *Advert) { a.Packet.Version, a.Packet.Password = V2, [8]byte{1} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := Admit(vectorConfig(tt.c), ourSource, vectorAdvert(tt.change)); err != nil {
				t.Errorf("got %v, want nil", err)
			}
		})
	}
}

func TestAdmitKnowsNoOwnPacketWithoutASource(t *testing.T) {
	if err := Admit(vectorConfig(nil), netip.Addr{}, vectorAdvert(nil)); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

// Where the pseudo-header adds up to zero, both forms give the same bytes, and a router that demands either must accept them.
func TestAdmitAcceptsAFormThatIsBothForms(t *testing.T) {
	dst := Group4
	src := addressWithPseudoSumZero(t, dst, len(wire(t, v3Message)))
	b := vectorPacket(nil).Marshal(src, dst)
	p, err := ParsePacket(b, src, dst)
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []Form{FormAuto, FormPseudoHeader, FormMessage} {
		c := vectorConfig(func(c *Config) { c.Checksum = form })
		if err := Admit(c, ourSource, Advert{From: src, To: dst, TTL: 255, Packet: p}); err != nil {
			t.Errorf("form %d: got %v, want nil", form, err)
		}
	}
}

func addressWithPseudoSumZero(t *testing.T, dst netip.Addr, n int) netip.Addr {
	t.Helper()
	for i := range uint32(65536) {
		src := addr4(0x0a000000 | i)
		if referenceSum(referencePseudo(FormPseudoHeader, src, dst, n)) == 0 {
			return src
		}
	}
	t.Fatal("no such address in 10.0.0.0/16")
	return netip.Addr{}
}

func TestDifferences(t *testing.T) { // R-7.1-12, R-7.1-14, R-8.3.2-02, R-8.3.2-04
	second := netip.MustParseAddr("192.0.2.101")
	two := func(c *Config) { c.Addresses = append(c.Addresses, Address{Prefix: netip.PrefixFrom(second, 24)}) }
	excluded := func(c *Config) { two(c); c.Addresses[1].Excluded = true }
	addresses := func(as ...netip.Addr) func(*Advert) { return func(a *Advert) { a.Packet.Addresses = as } }
	priority := func(n uint8) func(*Advert) { return func(a *Advert) { a.Packet.Priority = n } }
	for _, tt := range []struct {
		name   string
		c      func(*Config)
		change func(*Advert)
		want   []Observation
	}{
		{"none", nil, nil, nil},
		{"an excluded address is not missed", excluded, nil, nil},
		{"another order", two, addresses(second, vectorVIP), nil},
		{"interval", nil, func(a *Advert) { a.Packet.Interval = 3 * time.Second }, []Observation{{WarnInterval, "advertises every 3s, we every 1s"}}},
		{"equal priority", nil, priority(100), []Observation{{WarnPriority, "has our priority 100: the higher address decides"}}},
		{"an owner, which we are not", nil, priority(255), nil},
		{"no owner, which we are", func(c *Config) { c.Priority = 255 }, nil, nil},
		{"two owners", func(c *Config) { c.Priority = 255 }, priority(255), []Observation{{WarnOwners, "has priority 255, and so have we: only one can own the addresses"}}},
		{"one address more", nil, addresses(vectorVIP, second), []Observation{{WarnAddresses, "advertises addresses that we do not have: 192.0.2.101"}}},
		{"one address less", two, nil, []Observation{{WarnAddresses, "does not advertise our addresses: 192.0.2.101"}}},
		{"an excluded address", excluded, addresses(vectorVIP, second), []Observation{{WarnAddresses, "advertises addresses that we do not have: 192.0.2.101"}}},
		{"others", two, addresses(vectorPeer, vectorSource), []Observation{
			{WarnAddresses, "advertises addresses that we do not have: 198.51.100.20, 198.51.100.10"},
			{WarnAddresses, "does not advertise our addresses: 192.0.2.100, 192.0.2.101"},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Differences(vectorConfig(tt.c), vectorAdvert(tt.change))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAdmittingAnEqualRouterAllocatesNothing(t *testing.T) {
	c, a := vectorConfig(nil), vectorAdvert(nil)
	if n := testing.AllocsPerRun(100, func() { _ = Admit(c, ourSource, a); _ = Differences(c, a) }); n != 0 {
		t.Errorf("allocates %v times, want 0", n)
	}
}
