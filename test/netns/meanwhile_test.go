//go:build netns

package netns_test

import (
	"strings"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// meanwhileMost is how long a status may take while the router process waits for a successor, which is for more than 2 s at an interval of 2 s.
const meanwhileMost = 500 * time.Millisecond

// answersWhile asks for the status until slow is over, and demands that no answer takes long.
func (p *pair) answersWhile(t *testing.T, d *netns.Director, slow func()) {
	t.Helper()
	stalls, began := p.WatchStalls(), time.Now()
	over := make(chan struct{})
	go func() { slow(); close(over) }()
	var longest time.Duration
	answers := 0
	for waiting := true; waiting; answers++ {
		asked := time.Now()
		if _, err := d.Status(t.Context()); err != nil {
			t.Errorf("status: %v", err)
		}
		longest = max(longest, time.Since(asked))
		select {
		case <-over:
			waiting = false
		case <-time.After(10 * time.Millisecond):
		}
	}
	lasted, stood := time.Since(began), stalls.Since(began)
	t.Logf("%d answers within %s, the longest took %s, the machine stood still for %s", answers, lasted, longest, stood)
	if lasted < time.Second {
		t.Errorf("it took %s only: nothing was waited for", lasted)
	}
	if longest > meanwhileMost+stood {
		t.Errorf("a status took %s, want %s at most", longest, meanwhileMost)
	}
}

func TestStatusIsAnsweredWhileAMasterWaitsForASuccessor(t *testing.T) {
	p := newPair(t)
	config := handoverConfig(200, 2*time.Second)
	a := p.a.Govrrpd(config)
	p.WaitFor(4*limit, "a to be master", func() bool { return p.a.Has(virtual) })
	p.answersWhile(t, a, func() {
		if out, err := a.Command("failover", netns.InstanceName); err == nil || !strings.Contains(out, "nobody took over") {
			t.Errorf("failover: %v: %s", err, out)
		}
	})
	other := strings.NewReplacer(`"v"`, `"other"`, "= 51", "= 52", virtual.String(), "192.0.2.101").Replace(config)
	p.answersWhile(t, a, func() {
		if out, err := a.Reload(other); err != nil {
			t.Errorf("reload: %v: %s", err, out)
		}
	})
	if p.a.Has(virtual) {
		t.Error("the instance that was removed still holds its address")
	}
}
