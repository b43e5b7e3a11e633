package bfd

import (
	"encoding/binary"
	"fmt"
	"time"
)

// State is that of a session, with the numbers of the wire.
type State uint8

// The states of RFC 5880 section 4.1.
const (
	AdminDown State = iota
	Down
	Init
	Up
)

// String returns "admin-down", "down", "init" or "up".
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state-%d", uint8(s))
}

// stateNames is never changed.
var stateNames = [...]string{AdminDown: "admin-down", Down: "down", Init: "init", Up: "up"}

// MarshalText returns the name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name, and refuses others.
func (s *State) UnmarshalText(b []byte) error {
	for i, name := range stateNames {
		if name == string(b) {
			*s = State(i)
			return nil
		}
	}
	return fmt.Errorf("BFD state %q is unknown", b)
}

// Diag says why a session changed its state last, with the numbers of the wire.
type Diag uint8

// The diagnostic codes of RFC 5880 section 4.1 that this package gives; others are understood.
const (
	DiagNone         Diag = 0
	DiagExpired      Diag = 1
	DiagNeighborDown Diag = 3
	DiagAdminDown    Diag = 7
)

// maxDiag is the highest code that has a meaning.
const maxDiag = 8

// diagText is never changed.
var diagText = [maxDiag + 1]string{
	"none", "control detection time expired", "echo function failed", "neighbour signalled session down", "forwarding plane reset",
	"path down", "concatenated path down", "administratively down", "reverse concatenated path down",
}

// String returns the code in words, for example "control detection time expired".
func (d Diag) String() string {
	if d <= maxDiag {
		return diagText[d]
	}
	return fmt.Sprintf("code %d", uint8(d))
}

// MarshalText returns the words.
func (d Diag) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Diag) UnmarshalText(b []byte) error {
	for i, text := range diagText {
		if text == string(b) {
			*d = Diag(i)
			return nil
		}
	}
	if n, err := fmt.Sscanf(string(b), "code %d", (*uint8)(d)); n != 1 || err != nil {
		return fmt.Errorf("BFD diagnostic %q is unknown", b)
	}
	return nil
}

// A Packet is a control packet, RFC 5880 section 4.1. Durations are whole microseconds from 0 to MaxField.
type Packet struct {
	Diag               Diag // 0-31
	State              State
	Poll               bool
	Final              bool
	ControlIndependent bool // the sender's BFD outlives its control plane
	Demand             bool
	Multiplier         uint8
	MyDiscriminator    uint32
	YourDiscriminator  uint32
	DesiredMinTx       time.Duration
	RequiredMinRx      time.Duration
	RequiredMinEchoRx  time.Duration
}

// MaxField is the longest interval that a packet can say.
const MaxField = (1<<32 - 1) * time.Microsecond

// The packet without authentication, RFC 5880 section 4.1.
const (
	protocolVersion = 1
	packetLen       = 24
	authHeaderLen   = 2

	bitPoll        = 0x20
	bitFinal       = 0x10
	bitIndependent = 0x08
	bitAuth        = 0x04
	bitDemand      = 0x02
	bitMultipoint  = 0x01
)

// ParsePacket reads the payload of a UDP packet. The error is a Reason of RFC 5880 section 6.8.6, and only those that need no session.
// Bytes after the length that the packet says are ignored.
func ParsePacket(b []byte) (Packet, error) {
	if err := refuse(b); err != nil {
		return Packet{}, err
	}
	flags := b[1]
	p := Packet{
		Diag: Diag(b[0] & 0x1f), State: State(flags >> 6), Multiplier: b[2],
		Poll: flags&bitPoll != 0, Final: flags&bitFinal != 0, ControlIndependent: flags&bitIndependent != 0, Demand: flags&bitDemand != 0,
		MyDiscriminator: binary.BigEndian.Uint32(b[4:]), YourDiscriminator: binary.BigEndian.Uint32(b[8:]),
		DesiredMinTx: interval(b[12:]), RequiredMinRx: interval(b[16:]), RequiredMinEchoRx: interval(b[20:]),
	}
	switch {
	case p.MyDiscriminator == 0:
		return Packet{}, DropMyDiscr
	case p.YourDiscriminator == 0 && p.State != Down && p.State != AdminDown:
		return Packet{}, DropYourDiscr
	case flags&bitAuth != 0:
		return Packet{}, DropAuth
	case p.Poll && p.Final:
		return Packet{}, DropPollAndFinal
	}
	return p, nil
}

// refuse checks what stands before the discriminators.
func refuse(b []byte) error {
	if len(b) < packetLen {
		return DropLength
	}
	least := packetLen
	if b[1]&bitAuth != 0 {
		least += authHeaderLen
	}
	switch {
	case b[0]>>5 != protocolVersion:
		return DropVersion
	case int(b[3]) < least || int(b[3]) > len(b):
		return DropLength
	case b[2] == 0:
		return DropMultiplier
	case b[1]&bitMultipoint != 0:
		return DropMultipoint
	}
	return nil
}

func interval(b []byte) time.Duration {
	return time.Duration(binary.BigEndian.Uint32(b)) * time.Microsecond
}

// Append appends the bytes of p to b.
func (p Packet) Append(b []byte) []byte {
	flags := byte(p.State) << 6
	for _, f := range [...]struct {
		set bool
		bit byte
	}{{p.Poll, bitPoll}, {p.Final, bitFinal}, {p.ControlIndependent, bitIndependent}, {p.Demand, bitDemand}} {
		if f.set {
			flags |= f.bit
		}
	}
	b = append(b, protocolVersion<<5|byte(p.Diag)&0x1f, flags, p.Multiplier, packetLen)
	b = binary.BigEndian.AppendUint32(b, p.MyDiscriminator)
	b = binary.BigEndian.AppendUint32(b, p.YourDiscriminator)
	for _, d := range [...]time.Duration{p.DesiredMinTx, p.RequiredMinRx, p.RequiredMinEchoRx} {
		b = binary.BigEndian.AppendUint32(b, uint32(d/time.Microsecond))
	}
	return b
}
