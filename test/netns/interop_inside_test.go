//go:build netns

package netns_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// instanceName is what govrrpd calls the virtual router that is fought for.
func (s *speaker) instanceName() string {
	if s.rules.sync {
		return "web"
	}
	return netns.InstanceName
}

// forGovrrpd and forKeepalived return the configuration of s.
func (s *speaker) forGovrrpd() string {
	if s.rules.sync {
		return s.group().hcl()
	}
	return s.instance().HCL()
}

func (s *speaker) forKeepalived() string {
	if s.rules.sync {
		return s.group().keepalived()
	}
	return s.instance().Keepalived()
}

func (s *speaker) group() *syncNode { return &syncNode{Node: s.node, priority: s.priority} }

// hesitation is how much longer than one virtual router alone a sync group may take, which waits for the slower of its segments; a
// keepalived that was asked too early waits once more.
func (r rules) hesitation() time.Duration {
	if r.sync {
		return syncElection
	}
	return 0
}

// addInside gives both a second segment with the second virtual router of a sync group.
func (d *duel) addInside(nodes []*netns.Node) {
	lan := d.Segment("lan1")
	for i, n := range nodes {
		lan.Attach(n, "eth1", fmt.Sprintf("10.0.0.%d/24", i+1))
	}
	d.inside = d.WatchHolders(syncInside, nodes...)
}

// settledInside tells whether the second address of a sync group is where the first one belongs.
func (d *duel) settledInside(s *speaker) bool {
	return d.inside == nil || s.node.Has(syncInside) && !d.other(s).node.Has(syncInside)
}

// disquietInside returns what contradicts that the second address of a sync group was with master since a moment.
func (d *duel) disquietInside(master *speaker, since time.Time) error {
	if d.inside == nil {
		return nil
	}
	err := netns.NotOne(d.inside.Since(since))
	if !d.settledInside(master) {
		err = errors.Join(err, errors.New("inside, another one holds the address"))
	}
	return err
}

// passedInside demands of the second address of a sync group that it moved no worse than the first one may, and tells how it did.
func (d *duel) passedInside(what string, since time.Time, most change) {
	d.t.Helper()
	if d.inside == nil {
		return
	}
	samples := d.inside.Since(since)
	got, late := changeIn(samples), d.late(since)
	d.t.Logf("%-20s inside: %s", what, got)
	if got.nobody > most.nobody+late+syncTogether || got.both > most.both+late+syncTogether {
		d.t.Errorf("%s, inside: %s; want at most %s and %s", what, got, most, syncTogether)
	}
}
