package kernel

import (
	"encoding/binary"

	"github.com/govrrpd/govrrpd/vrrp"
)

// Attributes of linux/mpls_iptunnel.h, linux/lwtunnel.h and linux/seg6_iptunnel.h.
const (
	mplsTunnelLabels = 1
	mplsTunnelTTL    = 2
	ipTunnelID       = 1
	ipTunnelDest     = 2
	ipTunnelSource   = 3
	ipTunnelTTL      = 4
	ipTunnelTOS      = 5
	seg6TunnelHeader = 1
)

// encodeEncap returns what is within RTA_ENCAP.
func encodeEncap(e vrrp.Encap) []byte {
	switch e.Kind {
	case vrrp.EncapMPLS:
		return encodeMPLS(e)
	case vrrp.EncapIP, vrrp.EncapIP6:
		return encodeIPTunnel(e)
	case vrrp.EncapSEG6:
		return appendAttr(nil, seg6TunnelHeader, encodeSegments(e))
	case vrrp.EncapNone:
	}
	return nil
}

// encodeMPLS returns a stack of labels, RFC 3032 section 2.1: 20 bits of label, and a bit that marks the last.
func encodeMPLS(e vrrp.Encap) []byte {
	var stack []byte
	for i, label := range e.Labels {
		entry := label << 12
		if i == len(e.Labels)-1 {
			entry |= 1 << 8
		}
		stack = binary.BigEndian.AppendUint32(stack, entry)
	}
	b := appendAttr(nil, mplsTunnelLabels, stack)
	if e.TTL != 0 {
		b = appendAttr(b, mplsTunnelTTL, []byte{e.TTL})
	}
	return b
}

// encodeIPTunnel serves both families, whose attributes have the same numbers.
func encodeIPTunnel(e vrrp.Encap) []byte {
	var b []byte
	if e.ID != 0 {
		b = appendAttr(b, ipTunnelID, binary.BigEndian.AppendUint64(nil, e.ID))
	}
	if e.Dest.IsValid() {
		b = appendAttr(b, ipTunnelDest, e.Dest.AsSlice())
	}
	if e.Source.IsValid() {
		b = appendAttr(b, ipTunnelSource, e.Source.AsSlice())
	}
	if e.TTL != 0 {
		b = appendAttr(b, ipTunnelTTL, []byte{e.TTL})
	}
	if e.TOS != 0 {
		b = appendAttr(b, ipTunnelTOS, []byte{e.TOS})
	}
	return b
}

// encodeSegments returns struct seg6_iptunnel_encap: the mode, and a segment routing header (RFC 8754 section 2), whose segments come
// last one first. Inline, one more place is for the destination of the packet.
func encodeSegments(e vrrp.Encap) []byte {
	n := len(e.Segments)
	if e.Mode == vrrp.SEG6Inline {
		n++
	}
	b := binary.NativeEndian.AppendUint32(nil, uint32(e.Mode))
	b = append(b, 0, byte(2*n), 4, byte(n-1), byte(n-1), 0, 0, 0)
	if e.Mode == vrrp.SEG6Inline {
		b = append(b, make([]byte, 16)...)
	}
	for i := len(e.Segments) - 1; i >= 0; i-- {
		b = append(b, e.Segments[i].AsSlice()...)
	}
	return b
}
