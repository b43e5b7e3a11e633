package ipvs

import (
	"fmt"
	"time"
)

// The part of linux/ip_vs.h that is not about services.
const (
	cmdNewDaemon = 9
	cmdDelDaemon = 10
	cmdGetDaemon = 11
	cmdSetConfig = 12
	cmdGetConfig = 13
	cmdGetInfo   = 15

	attrDaemon     = 3
	attrTimeoutTCP = 4
	attrTimeoutFIN = 5
	attrTimeoutUDP = 6

	daemonState     = 1
	daemonInterface = 2
	daemonID        = 3
	daemonMaxLen    = 4
	daemonGroup     = 5
	daemonGroup6    = 6
	daemonPort      = 7 // in the machine's byte order, unlike those of services
	daemonTTL       = 8

	infoVersion   = 1
	infoTableSize = 2
)

// setting appends the message for a change that netlink can make: all but SetSysctl.
func (e *encoder) setting(o SettingOp, typ, flags uint16, seq uint32) {
	at := e.message(typ, flags, seq, o.Verb.command())
	if o.Verb == SetTimeouts {
		e.timeouts(o.Timeouts)
	} else {
		e.daemon(o.Daemon, o.Verb == StartDaemon)
	}
	e.end(at)
}

func (v SettingVerb) command() uint8 {
	switch v {
	case SetTimeouts:
		return cmdSetConfig
	case StopDaemon:
		return cmdDelDaemon
	default:
		return cmdNewDaemon
	}
}

// timeouts appends all three, which the kernel demands; it leaves alone those that are 0.
func (e *encoder) timeouts(t Timeouts) {
	e.uint32(attrTimeoutTCP, uint32(t.TCP/time.Second))
	e.uint32(attrTimeoutFIN, uint32(t.FIN/time.Second))
	e.uint32(attrTimeoutUDP, uint32(t.UDP/time.Second))
}

// daemon appends d, or just its state. What is not said is left to the kernel.
func (e *encoder) daemon(d Daemon, full bool) {
	at := e.nest(attrDaemon)
	e.uint32(daemonState, uint32(d.State))
	if full {
		e.string(daemonInterface, d.Interface)
		e.uint32(daemonID, uint32(d.ID))
		e.daemonOptions(d)
	}
	e.endNest(at)
}

func (e *encoder) daemonOptions(d Daemon) {
	if d.MaxLen != 0 {
		e.uint16(daemonMaxLen, d.MaxLen)
	}
	switch {
	case d.Group.Is4():
		e.bytes(daemonGroup, d.Group.AsSlice())
	case d.Group.IsValid():
		e.bytes(daemonGroup6, d.Group.AsSlice())
	}
	if d.Port != 0 {
		e.uint16(daemonPort, d.Port)
	}
	if d.TTL != 0 {
		e.bytes(daemonTTL, []byte{d.TTL})
	}
}

// decodeDaemon reads the nested attribute of a daemon. A kernel older than 4.3 says nothing of what it has no choice in.
func decodeDaemon(b []byte) (Daemon, error) {
	f := parseFields(b)
	if f.err != nil {
		return Daemon{}, f.err
	}
	d := Daemon{State: DaemonState(f.uint32(daemonState)), ID: uint8(f.uint32(daemonID)), Interface: text(f.values[daemonInterface])}
	if f.values[daemonMaxLen] != nil {
		d.MaxLen = f.uint16(daemonMaxLen)
	}
	switch {
	case f.values[daemonGroup] != nil:
		d.Group = f.addr(daemonGroup, V4)
	case f.values[daemonGroup6] != nil:
		d.Group = f.addr(daemonGroup6, V6)
	}
	if f.values[daemonPort] != nil {
		d.Port = f.uint16(daemonPort)
	}
	if f.values[daemonTTL] != nil {
		d.TTL = f.take(daemonTTL, 1)[0]
	}
	return d.filled(), f.err
}

// decodeTimeouts reads the body of the answer to cmdGetConfig.
func decodeTimeouts(body []byte) (Timeouts, error) {
	f, err := bodyFields(body)
	if err != nil {
		return Timeouts{}, err
	}
	seconds := func(typ uint16) time.Duration { return time.Duration(f.uint32(typ)) * time.Second }
	return Timeouts{TCP: seconds(attrTimeoutTCP), FIN: seconds(attrTimeoutFIN), UDP: seconds(attrTimeoutUDP)}, f.err
}

// decodeInfo reads the body of the answer to cmdGetInfo.
func decodeInfo(body []byte) (Info, error) {
	f, err := bodyFields(body)
	if err != nil {
		return Info{}, err
	}
	v := f.uint32(infoVersion) // a byte for each part: 1.2.1 is 0x010201
	return Info{Version: fmt.Sprintf("%d.%d.%d", byte(v>>16), byte(v>>8), byte(v)), TableSize: int(f.uint32(infoTableSize))}, f.err
}

// bodyFields returns the attributes of a generic netlink message that are not nested.
func bodyFields(body []byte) (*fields, error) {
	if len(body) < genlHeader {
		return nil, errTruncated
	}
	f := parseFields(body[genlHeader:])
	return f, f.err
}
