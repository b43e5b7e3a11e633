package bfd

import (
	"log/slog"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A mute is a Network on which nothing is sent; its sessions are on the interface with index 3.
type mute struct{}

func (mute) Open(*Config) (Sender, error) { return mute{}, nil }
func (mute) Drain(func(Arrival)) bool     { return false }
func (mute) Notify(func())                {}
func (mute) Send([]byte) error            { return nil }
func (mute) Index() int                   { return 3 }
func (mute) Close() error                 { return nil }

// Which packet is for which session, and why not: RFC 5880 section 6.8.6, RFC 5881 sections 3 to 5, RFC 5883 section 4.
func TestPacketsFindTheirSession(t *testing.T) {
	ip := netip.MustParseAddr
	sessions := []Config{Default("one-hop", ip("192.0.2.2")), Default("far", ip("192.0.2.2")), Default("bound", ip("fe80::2")), Default("off", ip("192.0.2.9"))}
	sessions[0].Source = ip("192.0.2.1")
	sessions[1].Multihop, sessions[1].MinTTL = true, 250
	sessions[2].Interface = "eth0"
	sessions[3].AdminDown = true
	near := Arrival{From: ip("192.0.2.2"), To: ip("192.0.2.1"), Interface: 3, TTL: 255}
	with := func(change func(*Arrival)) Arrival { a := near; change(&a); return a }
	linkLocal := Arrival{From: ip("fe80::2"), To: ip("fe80::1"), Interface: 3, TTL: 255}
	for _, tt := range []struct {
		name    string
		arrival Arrival
		discr   string // of this session in the packet; empty for none, "?" for one that nobody has
		want    string // the session that gets it
		reason  Reason
	}{
		{"first packet", near, "", "one-hop", 0},
		{"with our discriminator", near, "one-hop", "one-hop", 0},
		{"with our discriminator from another address", with(func(a *Arrival) { a.From = ip("192.0.2.77") }), "one-hop", "one-hop", 0},
		{"discriminator of nobody", near, "?", "", DropUnknownDiscr},
		{"first packet of a stranger", with(func(a *Arrival) { a.From = ip("192.0.2.77") }), "", "", DropUnknownPeer},
		{"first packet to another address of ours", with(func(a *Arrival) { a.To = ip("192.0.2.3") }), "", "", DropPort},
		{"crossed a router", with(func(a *Arrival) { a.TTL = 254 }), "one-hop", "", DropTTL},
		{"first packet that crossed a router", with(func(a *Arrival) { a.TTL = 254 }), "", "", DropTTL},
		{"several hops", with(func(a *Arrival) { a.Multihop, a.TTL = true, 250 }), "", "far", 0},
		{"too many hops", with(func(a *Arrival) { a.Multihop, a.TTL = true, 249 }), "far", "", DropTTL},
		{"one hop's port for several", with(func(a *Arrival) { a.TTL = 255 }), "far", "", DropPort},
		{"several hops' port for one", with(func(a *Arrival) { a.Multihop = true }), "one-hop", "", DropPort},
		{"link-local", linkLocal, "", "bound", 0},
		{"on another interface", func() Arrival { a := linkLocal; a.Interface = 4; return a }(), "", "", DropInterface},
		{"on another interface with our discriminator", func() Arrival { a := linkLocal; a.Interface = 4; return a }(), "bound", "", DropInterface},
		{"administratively down", with(func(a *Arrival) { a.From = ip("192.0.2.9") }), "", "", DropAdminDown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := NewEngine(mute{}, [32]byte{}, slog.New(slog.DiscardHandler), func(string, Verdict) {})
			var wanted []*Config
			for i := range sessions {
				wanted = append(wanted, &sessions[i])
			}
			if err := e.Configure(wanted); err != nil {
				t.Fatal(err)
			}
			packet := Packet{State: Down, Multiplier: 3, MyDiscriminator: 7}
			switch tt.discr {
			case "":
			case "?":
				packet.YourDiscriminator = 12345
			default:
				packet.YourDiscriminator = e.byName[tt.discr].session.Discriminator
			}
			a := tt.arrival
			a.Payload = packet.Append(nil)
			before := e.drops.snapshot()
			e.hear(a)
			for _, s := range e.Status() {
				if got := s.Received == 1; got != (s.Name == tt.want) || got != (s.State == Init) {
					t.Errorf("%s: received %d, %s", s.Name, s.Received, s.State)
				}
			}
			want := before
			if tt.want == "" {
				want[tt.reason.String()]++
			}
			if diff := cmp.Diff(want, e.Dropped()); diff != "" {
				t.Errorf("drops (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCutPacketsAreCounted(t *testing.T) {
	e := NewEngine(mute{}, [32]byte{}, slog.New(slog.DiscardHandler), func(string, Verdict) {})
	e.hear(Arrival{Payload: []byte{0x20}})
	if n := e.Dropped()["length"]; n != 1 {
		t.Errorf("%d", n)
	}
}

func TestValidateNamesWhatIsWrong(t *testing.T) {
	ip := netip.MustParseAddr
	for _, tt := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"fine", func(*Config) {}, ""},
		{"min_rx", func(c *Config) { c.MinRx = 0 }, "min_rx is 0s, want 1ms to 1m0s in whole microseconds"},
		{"min_tx", func(c *Config) { c.MinTx = time90 }, "min_tx is 1m30s, want 1ms to 1m0s in whole microseconds"},
		{"idle_tx", func(c *Config) { c.IdleTx = 10 * ms }, "idle_tx is 10ms, want 1s to 16m40s in whole microseconds"},
		{"multiplier", func(c *Config) { c.Multiplier = 0 }, "multiplier is 0, want 1 to 255"},
		{"no neighbour", func(c *Config) { c.Neighbor = netip.Addr{} }, "neighbor invalid IP is not the address of a host"},
		{"multicast", func(c *Config) { c.Neighbor = ip("224.0.0.18") }, "neighbor 224.0.0.18 is not the address of a host"},
		{"families", func(c *Config) { c.Source = ip("2001:db8::1") }, "source 2001:db8::1 and neighbor 192.0.2.2 are of two address families"},
		{"ourselves", func(c *Config) { c.Source = c.Neighbor }, "neighbor 192.0.2.2 is our own source"},
		{"link-local", func(c *Config) { c.Neighbor = ip("fe80::1") }, "neighbor fe80::1 is link-local: interface must say on which link"},
		{"zone", func(c *Config) { c.Neighbor = ip("fe80::1%eth0") }, "an address has a zone: write interface instead"},
		{"multihop on a link", func(c *Config) { c.Multihop, c.Interface = true, "eth0" }, "a multihop session follows the routes: remove interface"},
		{"ttl", func(c *Config) { c.MinTTL = 254 }, "ttl is not 255: only a multihop session may cross routers (RFC 5881 section 5)"},
	} {
		got := ""
		if err := sessionConfig(tt.change).Validate(); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

const time90 = 90 * 1000 * ms
