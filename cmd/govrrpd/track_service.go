package main

import (
	"fmt"

	"github.com/govrrpd/govrrpd/ipvs/pool"
	"github.com/govrrpd/govrrpd/vrrp"
)

// trackServices returns an ipvs.Options.OnPool that tells the instances that track a virtual server whether its quorum is held. The table
// is made from the same state, so that they cannot disagree.
func trackServices(tell func(source string, v vrrp.Verdict)) func(string, pool.State) {
	return func(name string, s pool.State) { tell("virtual_server/"+name, serviceVerdict(name, s)) }
}

// serviceVerdict is what a pool that is Known is for those that track it.
func serviceVerdict(name string, s pool.State) vrrp.Verdict {
	if s.Held {
		return vrrp.Verdict{State: vrrp.Up, Reason: name + " has its quorum"}
	}
	return vrrp.Verdict{State: vrrp.Down, Reason: fmt.Sprintf("%s has lost its quorum: %d of %d are well, %d are needed", name, s.Have, s.Total, s.Gain)}
}
