package kernel

import (
	"maps"
	"slices"

	"github.com/govrrpd/govrrpd/vrrp"
)

// A VMAC is an interface with a virtual hardware address, as it is at one moment.
type VMAC struct {
	Router    string   `json:"router"`
	Name      string   `json:"name"`
	Interface string   `json:"interface"` // that it sits on
	MAC       vrrp.MAC `json:"mac"`       // as it shall be
	Index     int      `json:"index"`     // 0 while it does not exist
	Wanted    bool     `json:"wanted_up"` // the router is master
	Up        bool     `json:"up"`        // administratively; true without Wanted is what a dead process left, for a moment
	MTU       int      `json:"mtu"`       // bytes
	Error     string   `json:"error,omitempty"`
}

// status returns all macvlans that shall be there, by name of router.
func (s *macvlans) status() []VMAC {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []VMAC
	for _, router := range slices.Sorted(maps.Keys(s.wanted)) {
		for _, m := range s.wanted[router] {
			v := VMAC{Router: router, Name: m.name, Interface: m.base, MAC: m.mac, Wanted: s.raised[router], Error: s.trouble[m.name]}
			if l, ok := s.facts.byName(m.name); ok {
				v.Index, v.Up, v.MTU = l.index, l.up(), l.mtu
			}
			out = append(out, v)
		}
	}
	return out
}
