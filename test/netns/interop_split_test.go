//go:build netns

package netns_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// Two passwords make two masters, each of which refuses the other's adverts: the commonest split brain. keepalived logs that the password
// is wrong; this daemon says that there are two masters, who the other one is, and why.
func TestSplitBrainByPasswordIsNamed(t *testing.T) {
	t.Parallel()
	w := netns.New(t)
	lan := w.Segment("lan0")
	ours, theirs := w.Node("ours"), w.Node("theirs")
	lan.Attach(ours, "eth0", "192.0.2.1/24")
	lan.Attach(theirs, "eth0", "192.0.2.2/24")
	instance := netns.Instance{Version: 2, Priority: 150, Interval: time.Second, Address: netip.PrefixFrom(virtual, 24), Password: "first"}
	other := instance
	other.Password, other.Priority = "second", 100
	instance.Interval = 2 * time.Second // keepalived falls silent while it hears packets, even refused ones, as often as it sends its own
	director := ours.Govrrpd(instance.HCL())
	rival := theirs.Keepalived(keepalived, other.Keepalived(), "--vrrp")

	status := func() netns.RouterStatus { return director.Router(netns.InstanceName) }
	w.WaitFor(startup+20*time.Second, "the other master to be known", func() bool { return len(status().Rivals) == 1 })
	s := status()
	if got := s.Rivals[0]; got.From != "192.0.2.2" || got.Priority != 100 || got.MustYield != "rival" || !strings.Contains(got.Why, "password is wrong") ||
		s.DualMasters != 1 || s.Role != "master" {
		t.Errorf("status %+v, want one rival at 192.0.2.2 that has to yield and is refused for its password", s)
	}
	w.WaitFor(startup, "its hardware address to be known", func() bool { r := status().Rivals; return len(r) == 1 && len(r[0].MAC) == 17 })
	text, err := director.Command("status", "vrrp")
	if err != nil || !strings.Contains(text, "TWO MASTERS: 192.0.2.2") {
		t.Errorf("status says %q (%v)", text, err)
	}
	if n := strings.Count(director.Log(), "two masters"); n != 1 {
		t.Errorf("%d lines about two masters in the log, want 1", n)
	}
	rival.Kill()
	w.WaitFor(startup+20*time.Second, "the other master to be gone", func() bool { return len(status().Rivals) == 0 })
	if !strings.Contains(director.Log(), "the other master is gone") {
		t.Error("the log does not say that the other master is gone")
	}
}
