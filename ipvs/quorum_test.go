package ipvs

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/ipvs/pool"
)

// farm is a service with three servers of weight 1 that needs two of them, and a sorry server.
func farm() VirtualServer {
	v := withSorry(shop())
	v.Servers = append(v.Servers, RealServer{Addr: netip.MustParseAddrPort("10.0.0.3:80")})
	for i := range v.Servers {
		v.Servers[i].Weight = 1
	}
	v.Quorum = pool.Quorum{Min: 2, Hysteresis: 1}
	return v
}

// say gives the verdicts that three letters stand for: u up, d down.
func (b *bench) say(verdicts string) {
	for i, c := range verdicts {
		b.SetHealth(ServerID{farm().Name, farm().Servers[i].Addr}, Verdict{Condition: map[rune]Condition{'u': Up, 'd': Down}[c]})
	}
	synctest.Wait()
}

// serving returns the servers of the farm that take new connections, by the last number of their address.
func (b *bench) serving() []byte {
	var out []byte
	for _, d := range b.kernel.table[farm().Keys[0]].Dests {
		if d.Weight > 0 {
			out = append(out, d.Addr.Addr().As4()[3])
		}
	}
	slices.Sort(out)
	return out
}

func TestQuorumInTheTable(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var told []bool
		b := start(t, newMapKernel(), Options{OnPool: func(_ string, s pool.State) { told = append(told, s.Held) }}, farm())
		for _, s := range []struct {
			verdicts string
			serving  []byte
		}{
			{"uuu", []byte{1, 2, 3}}, {"uud", []byte{1, 2}}, {"udd", []byte{1}}, {"ddd", []byte{99}}, {"udd", []byte{99}}, {"uud", []byte{99}},
			{"uuu", []byte{1, 2, 3}},
		} {
			if b.say(s.verdicts); !slices.Equal(b.serving(), s.serving) {
				t.Errorf("%s: %d serve, want %d", s.verdicts, b.serving(), s.serving)
			}
		}
		if d := cmp.Diff([]bool{true, false, true}, told); d != "" {
			t.Errorf("told (-want +got):\n%s", d)
		}
	})
}

func TestBelowQuorumTheWellKeepTheirConnections(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		v := farm()
		v.Quorum = pool.Quorum{Min: 2}
		b := start(t, newMapKernel(), Options{}, v)
		b.say("uud")
		b.kernel.take()
		b.say("udd")
		want := entry(svc(v.Keys[0], "wlc"), nat("10.0.0.1:80", 0), dest("10.0.0.99:80", DR, 1))
		if d := cmp.Diff(table(want), b.kernel.table, asAddress); d != "" {
			t.Errorf("table (-want +got):\n%s", d)
		}
		status := b.Status().Services[0]
		if q := status.Quorum; !status.SorryActive || q.Held || !q.Known || q.Have != 1 || q.Total != 3 {
			t.Errorf("sorry %t, quorum %+v", status.SorryActive, q)
		}
		if s := status.RealServers[0]; !s.Up || s.Reason != "below quorum" {
			t.Errorf("the server that is well: %+v", s)
		}
		b.kernel.take()
		b.say("uud")
		b.did("add server 10.0.0.2:80 nat weight 1 to tcp 192.0.2.10:80", "change server 10.0.0.1:80 nat weight 1 of tcp 192.0.2.10:80",
			"remove server 10.0.0.99:80 from tcp 192.0.2.10:80")
	})
}

func TestAlphaWaitsForAVerdict(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		v := farm()
		v.Alpha, v.Quorum = true, pool.Quorum{}
		b := start(t, newMapKernel(), Options{}, v)
		if got := b.serving(); !slices.Equal(got, []byte{99}) {
			t.Errorf("before any verdict %d serve, want the sorry server", got)
		}
		if b.say("u"); !slices.Equal(b.serving(), []byte{1}) {
			t.Errorf("after the first verdict %d serve, want 1", b.serving())
		}
	})
}

func TestInhibitedSorryServerStays(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		v := farm()
		v.SorryInhibit = true
		b := start(t, newMapKernel(), Options{}, v)
		b.say("ddd")
		if got := b.serving(); !slices.Equal(got, []byte{99}) {
			t.Fatalf("%d serve, want the sorry server", got)
		}
		b.say("uuu")
		if d, _, there := b.kernel.table[v.Keys[0]].dest(v.Sorry.Addr); !there || d.Weight != 0 || !slices.Equal(b.serving(), []byte{1, 2, 3}) {
			t.Errorf("the sorry server is there: %t, with weight %d; %d serve", there, d.Weight, b.serving())
		}
	})
}

// TestLostQuorumOutlivesTheProcess: a new process does not let two servers serve that the old one held back.
func TestLostQuorumOutlivesTheProcess(t *testing.T) {
	for _, tt := range []struct {
		name string
		left Entry
		want []byte
	}{
		{"lost", entry(svc(farm().Keys[0], "wlc"), nat("10.0.0.1:80", 0), dest("10.0.0.99:80", DR, 1)), []byte{99}},
		{"held", entry(svc(farm().Keys[0], "wlc"), nat("10.0.0.1:80", 1)), []byte{1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := start(t, newMapKernel(tt.left), Options{Owned: []Key{farm().Keys[0]}}, farm())
				if got := b.serving(); !slices.Equal(got, tt.want) {
					t.Errorf("%d serve, want %d", got, tt.want)
				}
				verdicts := "udd"
				if tt.name == "lost" {
					verdicts = "uud"
				}
				if b.say(verdicts); !slices.Equal(b.serving(), tt.want) {
					t.Errorf("within the hysteresis %d serve, want %d", b.serving(), tt.want)
				}
			})
		})
	}
}

func TestLowerQuorumHelpsAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(), Options{}, farm())
		b.say("ddd")
		b.say("uud")
		v := farm()
		v.Quorum = pool.Quorum{Min: 1}
		b.Configure([]VirtualServer{v})
		synctest.Wait()
		if got := b.serving(); !slices.Equal(got, []byte{1, 2}) {
			t.Errorf("after the reload %d serve, want 1 and 2", got)
		}
	})
}
