//go:build netns

package netns_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// A crossing is a pair with a client that asks the virtual address for an echo every millisecond.
type crossing struct {
	pair
	client *netns.Node
	ping   *netns.Pinger
	stalls *netns.Stalls
}

const (
	crossingPing = time.Millisecond
	// crossingRest is watched after each hand-over, for what comes late; lossPatience is how old a request is that counts as lost.
	crossingRest = 300 * time.Millisecond
	lossPatience = 250 * time.Millisecond
	// crossingStall is how long the machine must have stood still, all in all, for a lost packet to be its fault: the new master
	// has 200 ms to announce the address.
	crossingStall = 100 * time.Millisecond
)

func newCrossing(p pair) crossing {
	c := crossing{pair: p, client: p.Node("client"), stalls: p.WatchStalls()}
	p.lan.Attach(c.client, "eth0", "192.0.2.77/24")
	return c
}

// begin pings the address that holder has.
func (c *crossing) begin(holder *netns.Node) {
	c.WaitFor(limit, "a holder", func() bool { return holder.Has(virtual) })
	c.ping = c.client.Ping(virtual, crossingPing)
	start := time.Now()
	c.WaitFor(limit, "an answer", func() bool { _, ok := c.ping.Answered(start); return ok })
}

// lossless lets move happen, and demands that the address is on to alone in the end, and that every request was answered.
func (c *crossing) lossless(t *testing.T, name string, to *netns.Node, move func()) {
	t.Helper()
	start := time.Now()
	move()
	moved := time.Since(start)
	c.WaitFor(limit, name+": the address on one node", func() bool { return to.Has(virtual) && c.a.Has(virtual) != c.b.Has(virtual) })
	end := time.Now()
	c.WaitFor(limit, "a while to pass", func() bool { return time.Since(end) > crossingRest+lossPatience })
	lost, sent := c.ping.Lost(start, lossPatience)
	stood := c.stalls.Since(start)
	t.Logf("%s: %s, lost %d of %d requests, the machine stood still for %s", name, moved.Round(time.Millisecond), lost, sent, stood)
	if lost > 0 && stood < crossingStall {
		t.Errorf("%s: lost %d of %d requests, sent after %v", name, lost, sent, since(start, c.ping.Unanswered(start, lossPatience)))
	}
	if sent < 100 {
		t.Errorf("%s: only %d requests were sent", name, sent)
	}
}

func since(start time.Time, moments []time.Time) []time.Duration {
	out := make([]time.Duration, len(moments))
	for i, at := range moments {
		out[i] = at.Sub(start)
	}
	return out
}

// command runs one command of govrrpd that must go well.
func (c *crossing) command(t *testing.T, d *netns.Director, args ...string) {
	t.Helper()
	out, err := d.Command(args...)
	if err != nil {
		t.Errorf("govrrpd %s: %v: %s", strings.Join(args, " "), err, out)
	}
	t.Logf("govrrpd %s: %s", strings.Join(args, " "), strings.TrimSpace(out))
}

func handoverConfig(priority int, interval time.Duration) string {
	v := netns.Instance{Version: 3, Priority: priority, Interval: interval, Address: netip.PrefixFrom(virtual, 24)}
	return v.HCL()
}

func TestPlannedHandoverLosesNoPacket(t *testing.T) {
	for _, interval := range []time.Duration{100 * time.Millisecond, time.Second} {
		t.Run(fmt.Sprint(interval), func(t *testing.T) {
			c := newCrossing(newPair(t))
			a := c.a.Govrrpd(handoverConfig(200, interval))
			c.WaitFor(limit, "a to be master", func() bool { return c.a.Has(virtual) })
			b := c.b.Govrrpd(handoverConfig(100, interval))
			c.WaitFor(limit, "b to be backup", func() bool { return b.Role(netns.InstanceName) == "backup" })
			c.begin(c.a)

			c.lossless(t, "failover", c.b, func() { c.command(t, a, "failover", netns.InstanceName) })
			c.Always(4*interval, "a stays backup in spite of its priority", func() bool { return a.Role(netns.InstanceName) == "backup" })
			if out, err := a.Command("status", "vrrp"); err != nil || !strings.Contains(out, "STANDS ASIDE") {
				t.Errorf("status: %v: %s", err, out)
			}
			if out, err := a.Reload(handoverConfig(200, interval) + "# as before\n"); err != nil {
				t.Errorf("reload: %v: %s", err, out)
			}
			a.Kill() // the router process goes on, and the next director finds it standing aside
			a.Restart()
			c.WaitFor(limit, "the new director", func() bool { return a.Role(netns.InstanceName) == "backup" })
			c.lossless(t, "takeover", c.a, func() { c.command(t, a, "takeover", netns.InstanceName) })
			c.WaitFor(limit, "b to be backup", func() bool { return b.Role(netns.InstanceName) == "backup" })
			c.lossless(t, "SIGTERM", c.b, func() { stopped(t, a) })
		})
	}
}

// A new master announces the address for a second or two: on taking over, at the last word of its predecessor, and once more when that one is
// known to be gone. Whoever takes the role back meanwhile does so in the midst of that.
func TestTakeoverRightAfterAFailoverLosesNoPacket(t *testing.T) {
	const step = 250 * time.Millisecond
	c := newCrossing(newPair(t))
	a := c.a.Govrrpd(handoverConfig(200, 100*time.Millisecond))
	c.WaitFor(limit, "a to be master", func() bool { return c.a.Has(virtual) })
	b := c.b.Govrrpd(handoverConfig(100, 100*time.Millisecond))
	c.WaitFor(limit, "b to be backup", func() bool { return b.Role(netns.InstanceName) == "backup" })
	c.begin(c.a)
	for wait := time.Duration(0); wait <= 4*step; wait += step {
		c.lossless(t, fmt.Sprintf("takeover %s after a failover", wait), c.a, func() {
			c.command(t, a, "failover", netns.InstanceName)
			failed := time.Now()
			c.WaitFor(limit, "some announcements of b", func() bool { return time.Since(failed) >= wait })
			c.command(t, a, "takeover", netns.InstanceName)
		})
	}
}

func stopped(t *testing.T, d *netns.Director) {
	t.Helper()
	if err := d.Stop(); err != nil {
		t.Errorf("govrrpd ended with %v", err)
	}
}

func TestInstanceThatAReloadRemovesIsHandedOver(t *testing.T) {
	c := newCrossing(newPair(t))
	a := c.a.Govrrpd(handoverConfig(200, 100*time.Millisecond))
	c.WaitFor(limit, "a to be master", func() bool { return c.a.Has(virtual) })
	b := c.b.Govrrpd(handoverConfig(100, 100*time.Millisecond))
	c.WaitFor(limit, "b to be backup", func() bool { return b.Role(netns.InstanceName) == "backup" })
	c.begin(c.a)
	other := strings.NewReplacer(`"v"`, `"other"`, "= 51", "= 52", virtual.String(), "192.0.2.101").Replace(handoverConfig(200, time.Second))
	c.lossless(t, "reload", c.b, func() {
		if out, err := a.Reload(other); err != nil {
			t.Errorf("reload: %v: %s", err, out)
		}
	})
}

func TestFailoverThatFindsNobodySaysSo(t *testing.T) {
	c := newCrossing(newPair(t))
	a := c.a.Govrrpd(handoverConfig(200, 100*time.Millisecond))
	c.begin(c.a)
	c.lossless(t, "failover", c.a, func() {
		out, err := a.Command("failover", netns.InstanceName)
		if err == nil || !strings.Contains(out, "nobody took over") {
			t.Errorf("govrrpd failover: %v: %s", err, out)
		}
	})
	if out, err := a.Command("failover", "nosuch"); err == nil || !strings.Contains(out, "no vrrp_instance and no vrrp_sync_group of this name") {
		t.Errorf("govrrpd failover nosuch: %v: %s", err, out)
	}
	if out, err := a.Command("takeover", netns.InstanceName); err != nil {
		t.Errorf("takeover of a master: %v: %s", err, out)
	}
}
