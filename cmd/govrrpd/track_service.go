package main

import (
	"fmt"

	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/vrrp"
)

// trackServices gives what the checks find about whole virtual servers to tell, for the instances that track them. It is called before
// Configure.
func (r *verdictRoute) trackServices(tell func(source string, v vrrp.Verdict)) { r.track = tell }

// tellService tells whether a virtual server can serve, if that is known. The caller holds r.mu.
func (r *verdictRoute) tellService(s ipvs.VirtualServer) {
	if r.track == nil {
		return
	}
	if v := r.serviceVerdict(s); v.State != vrrp.Unknown {
		r.track("virtual_server/"+s.Name, v)
	}
}

// serviceVerdict is up while a real server with some weight is. It is Unknown before enough was heard. The caller holds r.mu.
func (r *verdictRoute) serviceVerdict(s ipvs.VirtualServer) vrrp.Verdict {
	up, unknown := 0, 0
	for _, server := range s.Servers {
		switch v := r.sum(ipvs.ServerID{Service: s.Key, Addr: server.Addr}); {
		case v.Condition == ipvs.Unknown:
			unknown++
		case v.Condition == ipvs.Up && (v.Weight == nil && server.Weight > 0 || v.Weight != nil && *v.Weight > 0):
			up++
		}
	}
	switch {
	case up > 0:
		return vrrp.Verdict{State: vrrp.Up, Reason: s.Name + " has real servers that are up"}
	case unknown > 0:
		return vrrp.Verdict{}
	}
	return vrrp.Verdict{State: vrrp.Down, Reason: fmt.Sprintf("none of the %d real servers of %s is up", len(s.Servers), s.Name)}
}
