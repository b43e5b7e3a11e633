package vrrp

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/subtle"
	"encoding/binary"
	"hash"
	"maps"
	"net/netip"
	"time"
)

// The authentication header of version 2 (RFC 2402 with HMAC-MD5-96, RFC 2403), as keepalived speaks it. RFC 3768 has dropped it, and MD5
// is old: it is for fleets that have it. The header stands between the IP header and the message:
//
//	┌───────────┬────────┬──────────┬───────────────────────┬──────────┬─────────────────────┐
//	│ next: 112 │ len: 4 │ reserved │ SPI: the IPv4 source  │ sequence │ ICV, 12 bytes       │
//	└───────────┴────────┴──────────┴───────────────────────┴──────────┴─────────────────────┘
//
// The ICV covers the whole datagram, with zero for itself and for what routers may change of the IP header: type of service, fragment,
// checksum, and, in unicast only, TTL.
const (
	// ProtocolAH is the IP protocol number of the authentication header.
	ProtocolAH = 51

	ahLen    = 24
	ahWords  = 4 // the length field: in words of 32 bits, less 2
	ahICV    = 12
	ahICVLen = 12

	// silentIntervals is after how many intervals without an advert a sender may begin anew. A backup takes over after more than
	// three, and a router that starts waits that long before it speaks: so it is heard in time.
	silentIntervals = 2
)

// An AH makes the authentication headers of one router. The zero sequence is never sent.
type AH struct {
	sequence uint32
	digest   hash.Hash
	sum      []byte
	header   [60]byte // an IP header as it is signed
}

func newAH(password string) *AH {
	var key [MaxPassword]byte
	copy(key[:], password)
	return &AH{digest: hmac.New(md5.New, key[:])}
}

// Append appends the header of an advert from src, with an ICV of zero.
func (h *AH) Append(b []byte, src netip.Addr) []byte {
	spi := src.As4()
	b = append(b, Protocol, ahWords, 0, 0)
	b = append(b, spi[:]...)
	b = binary.BigEndian.AppendUint32(b, h.sequence)
	return append(b, make([]byte, ahICVLen)...)
}

// Seal fills in the ICV of a whole IPv4 datagram with such a header. It allocates nothing.
func (h *AH) Seal(datagram []byte) {
	start := int(datagram[0]&0xf) * 4
	copy(datagram[start+ahICV:][:ahICVLen], h.icv(datagram))
}

// icv returns what the ICV of a datagram has to be; it is good until the next call. The length was checked.
func (h *AH) icv(datagram []byte) []byte {
	start := int(datagram[0]&0xf) * 4
	header := h.header[:copy(h.header[:start], datagram)]
	header[1] = 0            // type of service
	clear(header[6:8])       // flags and fragment offset
	clear(header[10:12])     // checksum
	if header[16]>>4 != 14 { // unicast: 224.0.0.0/4 is not
		header[8] = 0 // TTL
	}
	h.digest.Reset()
	_, _ = h.digest.Write(header)
	_, _ = h.digest.Write(datagram[start : start+ahICV])
	clear(h.header[:ahICVLen])
	_, _ = h.digest.Write(h.header[:ahICVLen])
	_, _ = h.digest.Write(datagram[start+ahLen:])
	h.sum = h.digest.Sum(h.sum[:0])
	return h.sum[:ahICVLen]
}

// SplitAH returns the VRRP message behind the authentication header with which payload, that of an IPv4 datagram, begins. The error is
// a Reason.
func SplitAH(payload []byte) ([]byte, error) {
	if len(payload) < ahLen || payload[0] != Protocol || payload[1] != ahWords {
		return nil, DropAHHeader
	}
	return payload[ahLen:], nil
}

// A guard is what a router with an authentication header knows. The zero value is that of a router without. The router's goroutine
// owns it. It is no part of Memory: a mark is void after two silent intervals, a live sender renews it in one, and our own sequence begins
// with the clock.
type guard struct {
	ah *AH // nil for none

	// last is the newest sequence of anybody, ourselves included: all routers of keepalived count on from what they hear, and
	// refuse what is not newer than that.
	last  uint32
	marks map[netip.Addr]ahMark
}

// An ahMark is the newest sequence of one sender, and when it came.
type ahMark struct {
	sequence uint32
	at       time.Time
}

// configure makes the guard that of c. What was heard stays.
func (g *guard) configure(c *Config) {
	if g.ah = nil; c.AH {
		g.ah = newAH(c.Password)
	}
}

// next returns the header maker of an advert, to however many peers; nil when there is none. The sequence goes by the clock where that
// is ahead, so that a router that starts again begins above what others have heard of it.
func (g *guard) next(now time.Time) *AH {
	if g.ah != nil {
		g.last = max(g.last+1, uint32(now.Unix()))
		g.ah.sequence = g.last
	}
	return g.ah
}

// verify checks the authentication header of an advert. The sequence of a sender must grow; but keepalived begins at 1 when it starts, and
// so one that was silent for longer than patience may begin anew.
func (g *guard) verify(a Advert, now time.Time, patience time.Duration) error {
	if err := g.genuine(a); err != nil || g.ah == nil {
		return err
	}
	header := a.Datagram[int(a.Datagram[0]&0xf)*4:]
	sequence := binary.BigEndian.Uint32(header[8:])
	mark, known := g.marks[a.From]
	if known && sequence <= mark.sequence && now.Sub(mark.at) <= patience {
		return DropAHReplayed
	}
	return g.remember(a.From, ahMark{sequence, now}, patience)
}

// genuine checks that an advert has a header where it must, made by somebody who knows the password.
func (g *guard) genuine(a Advert) error {
	if (g.ah != nil) != (a.Datagram != nil) {
		return DropAuthType
	}
	if g.ah == nil {
		return nil
	}
	header := a.Datagram[int(a.Datagram[0]&0xf)*4:]
	if subtle.ConstantTimeCompare(g.ah.icv(a.Datagram), header[ahICV:ahLen]) != 1 {
		return DropAHInvalid
	}
	return nil
}

func (g *guard) remember(from netip.Addr, m ahMark, patience time.Duration) error {
	if len(g.marks) >= maxSenders {
		maps.DeleteFunc(g.marks, func(_ netip.Addr, old ahMark) bool { return m.at.Sub(old.at) > patience })
	}
	if g.marks == nil {
		g.marks = make(map[netip.Addr]ahMark)
	}
	if _, known := g.marks[from]; !known && len(g.marks) >= maxSenders {
		return DropAHReplayed
	}
	g.marks[from] = m
	g.last = max(g.last, m.sequence)
	return nil
}
