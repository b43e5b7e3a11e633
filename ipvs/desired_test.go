package ipvs

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// shop is a virtual server with two servers of weight 10 and 20.
func shop() VirtualServer {
	return VirtualServer{
		Name:    "shop",
		Keys:    []Key{tcp("192.0.2.10:80")},
		Service: Service{Scheduler: "wlc"},
		Servers: []RealServer{
			{Addr: netip.MustParseAddrPort("10.0.0.1:80"), Weight: 10},
			{Addr: netip.MustParseAddrPort("10.0.0.2:80"), Weight: 20},
		},
	}
}

func withSorry(v VirtualServer) VirtualServer {
	v.Sorry = &Dest{Addr: netip.MustParseAddrPort("10.0.0.99:80"), Forward: DR}
	return v
}

func quiescing(v VirtualServer) VirtualServer {
	v.Failed = Quiesce
	return v
}

// health is the verdict on the servers of shop, in order.
func health(verdicts ...Verdict) Health {
	h := Health{}
	for i, v := range verdicts {
		h[ServerID{shop().Name, shop().Servers[i].Addr}] = v
	}
	return h
}

func weight(w int) *int { return &w }

func TestDesiredServers(t *testing.T) {
	up, down, unknown := Verdict{Condition: Up}, Verdict{Condition: Down}, Verdict{}
	drained := shop()
	drained.Servers[0].Weight, drained.Servers[1].Weight = 0, 0
	sorry := Dest{Addr: netip.MustParseAddrPort("10.0.0.99:80"), Forward: DR, Weight: 1}
	for _, tt := range []struct {
		name string
		vs   VirtualServer
		h    Health
		want []Dest
	}{
		{"nothing known: all are up", shop(), nil, []Dest{nat("10.0.0.1:80", 10), nat("10.0.0.2:80", 20)}},
		{"a failed server is removed", shop(), health(down, up), []Dest{nat("10.0.0.2:80", 20)}},
		{"or quiesced", quiescing(shop()), health(down, unknown), []Dest{nat("10.0.0.1:80", 0), nat("10.0.0.2:80", 20)}},
		{"all failed, no sorry server", shop(), health(down, down), nil},
		{"all failed, a sorry server", withSorry(shop()), health(down, down), []Dest{sorry}},
		{"all quiesced, a sorry server", quiescing(withSorry(shop())), health(down, down),
			[]Dest{nat("10.0.0.1:80", 0), nat("10.0.0.2:80", 0), sorry}},
		{"one up: no sorry server", withSorry(shop()), health(down, up), []Dest{nat("10.0.0.2:80", 20)}},
		{"all drained by hand: the sorry server takes the new connections", withSorry(drained), nil,
			[]Dest{nat("10.0.0.1:80", 0), nat("10.0.0.2:80", 0), sorry}},
		{"a verdict's weight goes before the configured", shop(), health(Verdict{Up, weight(3)}, up),
			[]Dest{nat("10.0.0.1:80", 3), nat("10.0.0.2:80", 20)}},
		{"weight 0 by verdict everywhere counts as nobody", withSorry(shop()), health(Verdict{Up, weight(0)}, down),
			[]Dest{nat("10.0.0.1:80", 0), sorry}},
		{"a verdict's weight is kept within bounds", shop(), health(Verdict{Up, weight(1 << 20)}, Verdict{Up, weight(-1)}),
			[]Dest{nat("10.0.0.1:80", MaxWeight), nat("10.0.0.2:80", 0)}},
		{"a quiesced server's weight is 0 whatever its check says", quiescing(shop()), health(Verdict{Down, weight(5)}, up),
			[]Dest{nat("10.0.0.1:80", 0), nat("10.0.0.2:80", 20)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := table(entry(svc(tt.vs.Keys[0], "wlc"), tt.want...))
			if d := cmp.Diff(want, Desired([]VirtualServer{tt.vs}, tt.h), asAddress); d != "" {
				t.Errorf("table (-want +got):\n%s", d)
			}
		})
	}
}

func TestDesiredSorryServerThatIsAlsoAFailedServer(t *testing.T) {
	v := quiescing(shop())
	v.Sorry = &Dest{Addr: v.Servers[0].Addr, Weight: 4}
	want := table(entry(svc(v.Keys[0], "wlc"), nat("10.0.0.1:80", 4), nat("10.0.0.2:80", 0)))
	got := Desired([]VirtualServer{v}, health(Verdict{Condition: Down}, Verdict{Condition: Down}))
	if d := cmp.Diff(want, got, asAddress); d != "" {
		t.Errorf("table (-want +got):\n%s", d)
	}
}

func TestDesiredServiceIsAsTheKernelReadsItBack(t *testing.T) {
	for _, tt := range []struct {
		name       string
		set        time.Duration
		prefix     int
		want       time.Duration
		wantPrefix int
	}{
		{"no persistence has no prefix", 0, 24, 0, 32},
		{"persistence of single clients", 300 * time.Second, 0, 300 * time.Second, 32},
		{"persistence of networks", 300 * time.Second, 24, 300 * time.Second, 24},
		{"whole seconds, upwards", 1500 * time.Millisecond, 32, 2 * time.Second, 32},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := shop()
			v.Persistence, v.Netmask = tt.set, 0
			if tt.prefix > 0 {
				v.Netmask = PrefixMask(V4, tt.prefix)
			}
			got := Desired([]VirtualServer{v}, nil)[v.Keys[0]].Service
			if got.Persistence != tt.want || got.Netmask != PrefixMask(V4, tt.wantPrefix) {
				t.Errorf("%s/%d became %s%s, want %s/%d", tt.set, tt.prefix, got.Persistence, got.Netmask.Text(V4), tt.want, tt.wantPrefix)
			}
		})
	}
}

func TestDesiredTakesTheFirstOfTwoWithOneKey(t *testing.T) {
	first, second := shop(), shop()
	second.Scheduler = "rr"
	if got := Desired([]VirtualServer{first, second}, nil)[first.Keys[0]].Service.Scheduler; got != "wlc" {
		t.Errorf("scheduler %s, want that of the first, wlc", got)
	}
}
