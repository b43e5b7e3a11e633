package vrrp

import (
	"net/netip"
	"testing"
	"time"
)

var (
	pathPeer  = netip.MustParseAddr("10.0.0.2")
	pathOther = netip.MustParseAddr("10.1.0.2")
	pathThird = netip.MustParseAddr("10.2.0.2")
)

// twoPaths makes c one with a peer that has two paths.
func twoPaths(c *Config) {
	c.Interface = "eth0"
	c.Addresses = []Address{{Prefix: netip.MustParsePrefix("192.0.2.10/24")}}
	c.Peers, c.Paths = []netip.Addr{pathPeer}, []Path{{Peer: pathPeer, Address: pathOther, Interface: "eth1"}}
}

func TestPathWatch(t *testing.T) {
	type heard struct {
		from netip.Addr
		at   int // in seconds; patience is 3
		want string
	}
	both := func(from, to int) (out []heard) {
		for at := from; at <= to; at++ {
			out = append(out, heard{pathPeer, at, ""}, heard{pathOther, at, ""})
		}
		return out
	}
	for _, tt := range []struct {
		name    string
		adverts []heard
	}{
		{"both live", both(0, 9)},
		{"one dies and comes back", append(both(0, 2), heard{pathPeer, 3, ""}, heard{pathPeer, 5, ""}, heard{pathPeer, 6, "10.1.0.2 lost"},
			heard{pathPeer, 7, ""}, heard{pathOther, 8, "10.1.0.2 back"}, heard{pathPeer, 9, ""})},
		{"the peer's own address dies", append(both(0, 2), heard{pathOther, 4, ""}, heard{pathOther, 6, "10.0.0.2 lost"})},
		{"one never lives", []heard{{pathPeer, 0, ""}, {pathPeer, 3, ""}, {pathPeer, 4, "10.1.0.2 lost"}, {pathPeer, 5, ""}}},
		{"a peer that was backup for long is no loss", append(both(0, 2), heard{pathPeer, 60, ""}, heard{pathOther, 61, ""}, heard{pathPeer, 61, ""})},
		{"one dies while the peer is backup", append(both(0, 2), heard{pathPeer, 60, ""}, heard{pathPeer, 62, ""}, heard{pathPeer, 64, "10.1.0.2 lost"})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, start := &pathWatch{}, time.Unix(1000, 0)
			w.configure(machineConfig(twoPaths))
			for _, h := range tt.adverts {
				got := ""
				for _, change := range w.hear(pathPeer, h.from, start.Add(time.Duration(h.at)*time.Second), 3*time.Second) {
					got += change.Address.String() + map[bool]string{true: " lost", false: " back"}[change.lost]
				}
				if got != h.want {
					t.Errorf("at %d s from %s: %q, want %q", h.at, h.from, got, h.want)
				}
			}
		})
	}
}

func TestAReloadKeepsWhatIsKnownOfPaths(t *testing.T) {
	w, now := &pathWatch{}, time.Unix(1000, 0)
	w.configure(machineConfig(twoPaths))
	w.hear(pathPeer, pathOther, now, time.Second)
	w.configure(machineConfig(func(c *Config) {
		twoPaths(c)
		c.Paths = append(c.Paths, Path{Peer: pathPeer, Address: pathThird})
	}))
	s := w.status()
	if len(s) != 3 || s[0].Interface != "eth0" || s[1].Interface != "eth1" || !s[1].Heard.Equal(now) || s[2].Interface != "eth0" || !s[2].Heard.IsZero() {
		t.Errorf("paths %+v", s)
	}
}

func TestAdvertsOverAnyPathAreThePeers(t *testing.T) {
	c := machineConfig(twoPaths)
	c.PeerTTL = map[netip.Addr]TTLRange{pathPeer: {Min: 254}}
	p := NewPacket(c, 100)
	p.Form = FormPseudoHeader
	for _, tt := range []struct {
		from netip.Addr
		ttl  int
		want error
	}{{pathPeer, 255, nil}, {pathOther, 255, nil}, {pathOther, 1, DropPeerTTL}, {pathThird, 255, DropPeer}} {
		if err := Admit(c, us, Advert{From: tt.from, To: us, TTL: tt.ttl, Packet: p}); err != tt.want {
			t.Errorf("TTL %d from %s: %v, want %v", tt.ttl, tt.from, err, tt.want)
		}
	}
	if c.identify(pathOther) != pathPeer || c.identify(pathThird) != pathThird {
		t.Error("the sender over a path is somebody else than the peer")
	}
	if d := c.Destinations(); len(d) != 2 || d[0] != pathPeer || d[1] != pathOther {
		t.Errorf("adverts go to %v", d)
	}
}

func TestValidatePaths(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Config)
		ok     bool
	}{
		"one more":              {func(*Config) {}, true},
		"to nobody":             {func(c *Config) { c.Paths[0].Peer = pathThird }, false},
		"to the peer itself":    {func(c *Config) { c.Paths[0].Address = pathPeer }, false},
		"twice":                 {func(c *Config) { c.Paths = append(c.Paths, c.Paths[0]) }, false},
		"another family":        {func(c *Config) { c.Paths[0].Address = addr6(9) }, false},
		"authentication header": {func(c *Config) { version2(c); c.Password, c.AH = "secret", true }, false},
	} {
		if err := machineConfig(func(c *Config) { twoPaths(c); tt.change(c) }).validatePaths(); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Of two routers of equal priority the address of the peer decides, and not that of the path which its advert took.
func TestElectionsBetweenEqualsDoNotDependOnThePath(t *testing.T) {
	onLAN(t, func(t *testing.T, l *lan) {
		a := l.begin(groupConfig("a", 200, func(c *Config) {
			c.Peers = []netip.Addr{machineAddr(1)}
			c.Paths = []Path{{Peer: machineAddr(1), Address: netip.MustParseAddr("1.0.0.1"), Interface: "eth1"}}
		}))
		l.elapse(2 * down200)
		wantRole(t, a, Master)
		stranger := fromStranger(a, 200)
		stranger.From, stranger.To = netip.MustParseAddr("1.0.0.1"), a.addr // lower than a's, and the peer's is higher
		a.group.Receive(stranger)
		l.elapse(time.Millisecond)
		wantRole(t, a, Backup)
		if s := a.group.Status(); s.Master != machineAddr(1) || len(s.Paths) != 2 || s.Paths[1].Heard.IsZero() {
			t.Errorf("status: master %s, paths %+v", s.Master, s.Paths)
		}
	})
}
