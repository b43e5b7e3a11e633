package vrrp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"
)

// The HMAC trailer of keepalived 2.4.2 and later, draft-cassen-vrrp-auth-hmac: 28 bytes after the message, of version 2 and 3, over IPv4
// and IPv6. It is found by the length alone.
//
//	 0         1         2          4        8            10        12
//	┌─────────┬─────────┬──────────┬────────┬────────────┬─────────┬─────────────┐
//	│ type: 1 │ key id  │ reserved │ second │ 1/65536 s  │ counter │ HMAC, 16    │
//	└─────────┴─────────┴──────────┴────────┴────────────┴─────────┴─────────────┘
//	                               └────── the sequence ──────────┘
//
// What is signed is the source address, family, version and VRID, the message without its checksum, and the trailer with a HMAC of zero.
// Destination and TTL are not, so that one signature serves all unicast peers.
const (
	hmacType      = 1  // HMAC-SHA256, cut to 128 bits
	hmacSumLen    = 16 // bytes of the HMAC that travel
	hmacHeadLen   = hmacLen - hmacSumLen
	hmacPseudoLen = 20
)

// Limits and defaults of the HMAC trailer, as keepalived 2.4.3 has them.
const (
	MinHMACKey = 32 // bytes of a key
	MaxHMACKey = 64

	MinHMACWindow = time.Second
	MaxHMACWindow = 300 * time.Second
	// hmacWindowFloor is the shortest time window that is chosen by itself.
	hmacWindowFloor = 5 * time.Second
)

// HMACMode says what is signed, and what must be.
type HMACMode uint8

// The three modes are the steps in which a fleet takes the trailer up: all receive, all sign, all demand.
const (
	HMACEnforce     HMACMode = iota // sign, and drop what is not signed
	HMACPermissive                  // sign, and accept what is not signed
	HMACReceiveOnly                 // do not sign; check what is signed
)

// hmacModes are the words of the configuration.
var hmacModes = [...]string{"enforce", "permissive", "receive-only"}

// String returns "enforce", "permissive" or "receive-only".
func (m HMACMode) String() string {
	if int(m) < len(hmacModes) {
		return hmacModes[m]
	}
	return fmt.Sprintf("mode %d", uint8(m))
}

// AntiReplay says what makes an advert too old.
type AntiReplay uint8

// Both demand that the sequence of a sender grows.
const (
	ReplayTime      AntiReplay = iota // and that it is near our clock
	ReplayMonotonic                   // and nothing else: no clock has to be right
)

// String returns "time" or "monotonic".
func (a AntiReplay) String() string {
	if a == ReplayMonotonic {
		return "monotonic"
	}
	return "time"
}

// A Secret is a key that no message shows; it is written out by encoding/json only, on the way to the process that needs it.
type Secret []byte

// blot is what stands for a secret of any length.
const blot = "***"

// String returns three stars.
func (Secret) String() string { return blot }

// GoString returns three stars.
func (Secret) GoString() string { return blot }

// Format writes three stars, whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(blot)) }

// LogValue returns three stars, for log/slog handlers that would marshal a byte slice.
func (Secret) LogValue() slog.Value { return slog.StringValue(blot) }

// An HMACKey is one key with the number by which a trailer names it.
type HMACKey struct {
	ID     uint8 // 1-255
	Secret Secret
}

// HMAC is how a router signs its adverts and checks those of others.
type HMAC struct {
	Mode       HMACMode
	AntiReplay AntiReplay
	Window     time.Duration // ReplayTime only: how far a sender's clock may be from ours, 1 s to 300 s
	ActiveKey  uint8         // of Keys; what we sign with
	Keys       []HMACKey     // what others may sign with
}

// HMACWindowFor returns the time window that keepalived chooses for an advertisement interval: three times its whole seconds, at least 5 s
// and at most 300 s.
func HMACWindowFor(interval time.Duration) time.Duration {
	return max(hmacWindowFloor, min(3*interval.Truncate(time.Second), MaxHMACWindow))
}

// validateHMAC checks the HMAC of c. An active key that is missing is an error: keepalived goes on without authentication then.
func (c *Config) validateHMAC() error {
	h := c.HMAC
	if h == nil {
		return nil
	}
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Password != "" {
		bad("hmac and authentication exclude each other: remove authentication")
	}
	if h.Mode > HMACReceiveOnly || h.AntiReplay > ReplayMonotonic {
		bad("hmac has the unknown mode %d or anti_replay %d", h.Mode, h.AntiReplay)
	}
	if h.AntiReplay == ReplayTime && (h.Window < MinHMACWindow || h.Window > MaxHMACWindow) {
		bad("hmac time_window is %s, want %s to %s", h.Window, MinHMACWindow, MaxHMACWindow)
	}
	if !slices.ContainsFunc(h.Keys, func(k HMACKey) bool { return k.ID == h.ActiveKey }) {
		bad("hmac has no key %d, which active_key names", h.ActiveKey)
	}
	for i, k := range h.Keys {
		if n := len(k.Secret); n < MinHMACKey || n > MaxHMACKey {
			bad("hmac key %d has %d bytes, want %d to %d", k.ID, n, MinHMACKey, MaxHMACKey)
		}
		if k.ID == 0 || slices.ContainsFunc(h.Keys[:i], func(other HMACKey) bool { return other.ID == k.ID }) {
			bad("hmac key %d is given twice or is 0, want numbers from 1 to 255", k.ID)
		}
	}
	return errors.Join(errs...)
}

// A sequence is the growing number of a trailer: seconds of Unix time (32 bits), 1/65536 s (16 bits), a counter (16 bits). It wraps in
// the year 2106; comparisons are those of RFC 1982.
type sequence uint64

// sequenceAt returns the sequence of an instant with a counter of 0.
func sequenceAt(t time.Time) sequence {
	fraction := uint64(t.Nanosecond()) << 16 / uint64(time.Second)
	return sequence(uint64(uint32(t.Unix()))<<32 | fraction<<16)
}

// after reports whether s is newer than o.
func (s sequence) after(o sequence) bool { return int64(s-o) > 0 }

// ahead returns how much later the time of s is than that of o, to within 15 µs and without the counter.
func (s sequence) ahead(o sequence) time.Duration {
	ticks := int64(s-o) >> 16
	return time.Duration(ticks>>16)*time.Second + time.Duration(ticks&0xffff)*time.Second>>16
}

// appendTrailer appends all of a trailer but the HMAC.
func appendTrailer(b []byte, key uint8, s sequence) []byte {
	b = append(b, hmacType, key, 0, 0)
	return binary.BigEndian.AppendUint64(b, uint64(s))
}

// parseTrailer reads what appendTrailer wrote.
func parseTrailer(t []byte) (key uint8, s sequence, err error) {
	if len(t) != hmacLen || t[0] != hmacType || t[2] != 0 || t[3] != 0 {
		return 0, 0, DropHMACMalformed
	}
	return t[1], sequence(binary.BigEndian.Uint64(t[4:])), nil
}

// appendSigned appends what the HMAC is computed over: head is the trailer as far as appendTrailer writes it. Message is not changed; its
// checksum counts as zero, because it may differ from peer to peer.
func appendSigned(b []byte, src netip.Addr, message, head []byte) []byte {
	start := len(b)
	a16 := src.As16()
	family, from := byte(6), a16[:]
	if src.Is4() {
		family, from = 4, a16[12:]
	}
	b = append(b, family, message[0]>>4, message[1], 0)
	b = append(b, from...)
	b = append(b, make([]byte, start+hmacPseudoLen-len(b))...)
	b = append(b, message...)
	clear(b[start+hmacPseudoLen+checksumOffset:][:2])
	b = append(b, head...)
	return append(b, make([]byte, hmacSumLen)...)
}

// checksumOffset is where the checksum is in a message.
const checksumOffset = 6
