package main

import (
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/vrrp"
)

func routerWith(vrids map[string]uint8) *router {
	r := &router{members: map[string]*member{}}
	for name, c := range seated(vrids) {
		r.members[name] = &member{Member: vrrp.NewMember(c, nil, slog.New(slog.DiscardHandler), nil), config: c}
	}
	return r
}

func seated(vrids map[string]uint8) map[string]*vrrp.Config {
	out := make(map[string]*vrrp.Config)
	for name, vrid := range vrids {
		c := fullConfig()
		c.Name, c.VRID = name, vrid
		out[name] = c
	}
	return out
}

func TestReloadPartsWithWhatCannotGoOn(t *testing.T) {
	running := map[string]uint8{"web": 51, "mail": 52}
	for name, c := range map[string]struct {
		wanted map[string]uint8
		leave  []string
	}{
		"nothing changes":              {map[string]uint8{"web": 51, "mail": 52}, nil},
		"one is removed":               {map[string]uint8{"mail": 52}, []string{"web"}},
		"a free VRID":                  {map[string]uint8{"web": 61, "mail": 52}, nil},
		"they change places":           {map[string]uint8{"web": 52, "mail": 51}, []string{"mail", "web"}},
		"one takes the other's":        {map[string]uint8{"web": 52, "mail": 53}, []string{"mail", "web"}},
		"that of one that is removed":  {map[string]uint8{"web": 52}, []string{"mail", "web"}},
		"a new one takes what is left": {map[string]uint8{"web": 61, "mail": 52, "shop": 51}, []string{"web"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := routerWith(running)
			var got []string
			for _, m := range r.partWith(seated(c.wanted), false) {
				got = append(got, m.config.Name)
			}
			slices.Sort(got)
			if diff := cmp.Diff(c.leave, got); diff != "" {
				t.Errorf("leave (-want +got):\n%s", diff)
			}
			if len(r.members) != len(running)-len(got) {
				t.Errorf("%d members stay", len(r.members))
			}
		})
	}
}

// Who has another group or speaks to other peers does not hear what the VRID says to us, and stands in nobody's way.
func TestReloadPartsWithNobodyForOneWhoHearsOthers(t *testing.T) {
	peers := func(c *vrrp.Config, peer string) { c.Peers = []netip.Addr{netip.MustParseAddr(peer)} }
	group := func(c *vrrp.Config, group string) { c.Peers, c.Group = nil, netip.MustParseAddr(group) }
	for name, c := range map[string]struct {
		edit      func(c *vrrp.Config, of string)
		web, mail string // as they are
		next      string // what web becomes
		leave     []string
	}{
		"from beside another peer's": {peers, "10.0.0.2", "10.0.0.3", "10.0.0.2", nil},
		"from beside another group":  {group, "224.0.0.1", "224.0.0.2", "224.0.0.1", nil},
		"to the place of a peer's":   {peers, "10.0.0.2", "10.0.0.2", "10.0.0.2", []string{"web"}},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := seated(map[string]uint8{"web": 51, "mail": 51}), seated(map[string]uint8{"web": 61, "mail": 51})
			c.edit(before["web"], c.web)
			c.edit(after["web"], c.next)
			for _, mail := range []*vrrp.Config{before["mail"], after["mail"]} {
				c.edit(mail, c.mail)
			}
			r := &router{members: map[string]*member{}}
			for name, c := range before {
				r.members[name] = &member{Member: vrrp.NewMember(c, nil, slog.New(slog.DiscardHandler), nil), config: c}
			}
			var got []string
			for _, m := range r.partWith(after, false) {
				got = append(got, m.config.Name)
			}
			if diff := cmp.Diff(c.leave, got); diff != "" {
				t.Errorf("leave (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhoLeavesInWhatCompany(t *testing.T) {
	r := routerWith(map[string]uint8{"web": 51, "mail": 52, "dns": 53, "shop": 54, "alone": 55, "heir": 56})
	r.running = map[string]*runningGroup{
		"a": {name: "edge", names: []string{"web", "mail"}},
		"b": {name: "core", names: []string{"dns", "shop"}},
		"c": {names: []string{"alone"}, lone: true},
		"d": {names: []string{"heir"}, lone: true},
	}
	r.heirs = map[string]bool{"heir": true}
	var got []string
	for _, p := range r.parties([]*member{r.members["web"], r.members["dns"], r.members["shop"], r.members["alone"], r.members["heir"]}) {
		line := p.name + ":"
		for _, m := range p.members {
			line += " " + m.Status().Name
		}
		got = append(got, fmt.Sprintf("%s, hasty %t, heirs %t", line, p.hasty, p.heirs))
	}
	slices.Sort(got)
	want := []string{
		": alone, hasty false, heirs false",
		": heir, hasty false, heirs true",
		": web, hasty true, heirs false",
		"core: dns shop, hasty false, heirs false",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
