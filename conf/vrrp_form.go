package conf

import (
	"net/netip"

	"github.com/govrrpd/govrrpd/vrrp"
)

// peerForm reads the checksum form of one peer.
func (d *decoder) peerForm(r *router, raw *rawPeer, peer netip.Addr) {
	if !d.given(raw.Checksum) {
		return
	}
	form := vrrp.FormAuto
	forms := []vrrp.Form{vrrp.FormAuto, vrrp.FormPseudoHeader, vrrp.FormMessage, vrrp.FormOldUnicast, vrrp.FormAny}
	if !choice(d, raw.Checksum, []string{"auto", "pseudo-header", "message", "old-unicast", "any"}, forms, &form) {
		return
	}
	switch {
	case r.Version == vrrp.V2:
		d.problem(raw.Checksum.Expr.Range(), "version 2 has one form of checksum, over the message only", "remove checksum, or write version = 3")
		return
	case vrrp.FamilyOf(peer) == vrrp.IPv6:
		d.problem(raw.Checksum.Expr.Range(), "IPv6 has one form of checksum", "remove checksum")
		return
	}
	if r.PeerForms == nil {
		r.PeerForms = map[netip.Addr]vrrp.Form{}
	}
	r.PeerForms[peer] = form
}
