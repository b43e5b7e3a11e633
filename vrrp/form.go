package vrrp

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// formOf returns the checksum form that is configured for what comes from a sender.
func (c *Config) formOf(from netip.Addr) Form {
	if f, ok := c.PeerForms[c.identify(from)]; ok {
		return f
	}
	return c.Checksum
}

// validateForms checks the checksum forms of single peers.
func (c *Config) validateForms() error {
	if len(c.PeerForms) == 0 {
		return nil
	}
	if c.Version != V3 || c.Family() != IPv4 {
		return errors.New("checksum of a peer is for version 3 over IPv4: there is one form elsewhere")
	}
	var errs []error
	for _, peer := range slices.SortedFunc(maps.Keys(c.PeerForms), netip.Addr.Compare) {
		if !slices.Contains(c.Peers, peer) {
			errs = append(errs, fmt.Errorf("checksum is given for %s, which is not a peer", peer))
		}
		if c.PeerForms[peer] > FormAny {
			errs = append(errs, fmt.Errorf("checksum of peer %s is unknown", peer))
		}
	}
	return errors.Join(errs...)
}

// formAdmitted reports whether the checksum of an advert is right under the configured form. ParsePacket names the first form that
// matches; for one pair of addresses in 65,535 two forms are the same number, and the other matches too.
func formAdmitted(c *Config, a Advert) bool {
	want, got := c.formOf(a.From), a.Packet.Form
	if want == FormAuto || want == FormAny || want == got {
		return true
	}
	f := FamilyOf(a.To)
	pseudo := func(form Form) uint16 {
		p := a.Packet
		p.Form = form
		return fold(p.pseudo(messageLen(p.Version, f, len(p.Addresses)), a.From, a.To)) % 0xffff
	}
	return pseudo(want) == pseudo(got)
}
