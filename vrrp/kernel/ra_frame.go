package kernel

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/mdlayher/ndp"
	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

// appendRA appends the Ethernet frame of a router advertisement from src to all nodes. Lifetime is that of the default router.
func appendRA(b []byte, mac [6]byte, src netip.Addr, ra *vrrp.RouterAdvertisement, lifetime time.Duration) ([]byte, error) {
	body, err := ndp.MarshalMessageChecksum(advertisement(ra, mac, lifetime), src, allNodes)
	if err != nil {
		return b, fmt.Errorf("router advertisement from %s: %w", src, err)
	}
	return appendToAllNodes(b, mac, src, body), nil
}

// appendToAllNodes appends the Ethernet frame of an ICMPv6 message from src to all nodes.
func appendToAllNodes(b []byte, mac [6]byte, src netip.Addr, body []byte) []byte {
	from, to := src.As16(), allNodes.As16()
	b = append(b, allNodesMAC[:]...)
	b = append(b, mac[:]...)
	b = binary.BigEndian.AppendUint16(b, unix.ETH_P_IPV6)
	b = append(b, 0x60, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(body)))
	b = append(b, nextICMPv6, hopLimit)
	b = append(b, from[:]...)
	b = append(b, to[:]...)
	return append(b, body...)
}

var preferences = map[vrrp.Preference]ndp.Preference{
	vrrp.PreferenceMedium: ndp.Medium, vrrp.PreferenceHigh: ndp.High, vrrp.PreferenceLow: ndp.Low,
}

// advertisement returns the message; the source link-layer address spares hosts a solicitation of the router.
func advertisement(ra *vrrp.RouterAdvertisement, mac [6]byte, lifetime time.Duration) *ndp.RouterAdvertisement {
	m := &ndp.RouterAdvertisement{
		CurrentHopLimit:      ra.HopLimit,
		ManagedConfiguration: ra.Managed,
		OtherConfiguration:   ra.Other,
		RouterLifetime:       lifetime,
		ReachableTime:        ra.Reachable,
		RetransmitTimer:      ra.Retransmit,
		Options:              []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: mac[:]}},
	}
	if lifetime > 0 { // RFC 4191 section 2.2: of none there is no preference
		m.RouterSelectionPreference = preferences[ra.Preference]
	}
	if ra.MTU > 0 {
		m.Options = append(m.Options, ndp.NewMTU(ra.MTU))
	}
	for _, p := range ra.Prefixes {
		m.Options = append(m.Options, &ndp.PrefixInformation{
			PrefixLength: uint8(p.Prefix.Bits()), Prefix: p.Prefix.Addr(),
			OnLink: !p.OffLink, AutonomousAddressConfiguration: !p.Managed,
			ValidLifetime: p.Valid, PreferredLifetime: p.Preferred,
		})
	}
	if len(ra.DNS) > 0 {
		m.Options = append(m.Options, &ndp.RecursiveDNSServer{Lifetime: ra.DNSLifetime, Servers: ra.DNS})
	}
	if len(ra.Search) > 0 {
		m.Options = append(m.Options, &ndp.DNSSearchList{Lifetime: ra.DNSLifetime, DomainNames: ra.Search})
	}
	return m
}
