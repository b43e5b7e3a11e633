package conf

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/checkers/bfd"
	"github.com/govrrpd/govrrpd/vrrp"
)

func TestTrackersOfASessionTakeItsWeight(t *testing.T) {
	got := mustLoad(t, nil, file(t, `
bfd_instance "lb2" {
  neighbor = "10.0.0.2"
  weight   = 60
  reverse  = true
}
vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  track {
    bfd "lb2" {}
  }
}
vrrp_instance "mail" {
  interface         = "eth0"
  virtual_router_id = 52
  virtual_addresses = ["192.0.2.11/24"]
  track {
    bfd "lb2" {
      weight  = -20
      reverse = false
    }
  }
}
`)).Routers
	want := [][]vrrp.Tracker{{{Source: "bfd/lb2", Weight: 60, Reverse: true}}, {{Source: "bfd/lb2", Weight: -20}}}
	if diff := cmp.Diff(want, [][]vrrp.Tracker{got[0].Track, got[1].Track}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBFDSessionsAsWritten(t *testing.T) {
	got := mustLoad(t, nil, file(t, `
vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
}
bfd_instance "short" { neighbor = "10.0.0.2" }
bfd_instance "long" {
  neighbor   = "fe80::2"
  source     = "fe80::1"
  interface  = "eth0"
  min_rx     = "20ms"
  min_tx     = "30ms"
  idle_tx    = "2s"
  multiplier = 3
  passive    = true
  admin_down = true
}
bfd_instance "far" {
  neighbor = "10.0.0.2"
  multihop = true
}
bfd_instance "further" {
  neighbor = "10.0.0.3"
  multihop = true
  max_hops = 5
  ttl      = 64
}
`)).BFD
	ip := netip.MustParseAddr
	short := bfd.Default("short", ip("10.0.0.2"))
	far, further := bfd.Default("far", ip("10.0.0.2")), bfd.Default("further", ip("10.0.0.3"))
	far.Multihop, far.MinTTL = true, 254
	further.Multihop, further.MinTTL, further.TTL = true, 250, 64
	want := []*bfd.Config{&short, {
		Name: "long", Neighbor: ip("fe80::2"), Source: ip("fe80::1"), Interface: "eth0", MinTTL: 255, TTL: 255, MinRx: 20 * time.Millisecond,
		MinTx: 30 * time.Millisecond, IdleTx: 2 * time.Second, Multiplier: 3, Passive: true, AdminDown: true,
	}, &far, &further}
	if diff := cmp.Diff(want, got, domain); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
