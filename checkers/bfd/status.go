package bfd

import (
	"fmt"
	"net/netip"
	"time"
)

// A Verdict is what a session says to those who depend on the neighbour.
type Verdict struct {
	Up     bool
	Reason string // why it is not up, for example "control detection time of 50ms expired"; empty while up
}

// A Report takes each new verdict of the session of that name. It is called with the Engine's lock held: it must hand over and return.
type Report func(name string, v Verdict)

// A Status is what one session says about itself at one moment. The names in JSON are a contract with users.
type Status struct {
	Name          string     `json:"name"`
	Neighbor      netip.Addr `json:"neighbor"`
	Source        netip.Addr `json:"source"` // empty: the kernel's choice
	Interface     string     `json:"interface"`
	Multihop      bool       `json:"multihop"`
	State         State      `json:"state"`
	RemoteState   State      `json:"remote_state"`
	Diagnostic    Diag       `json:"diagnostic"`
	RemoteDiag    Diag       `json:"remote_diagnostic"`
	Reason        string     `json:"reason"` // why it is not up; empty while up
	Since         time.Time  `json:"since"`  // of the state
	Discriminator uint32     `json:"discriminator"`
	RemoteDiscr   uint32     `json:"remote_discriminator"` // 0: not heard

	TxInterval       Duration `json:"tx_interval"` // agreed, before jitter; 0 when nothing is sent
	RxInterval       Duration `json:"rx_interval"` // agreed: at which the neighbour sends; 0 when it is not heard
	DetectionTime    Duration `json:"detection_time"`
	RemoteMinTx      Duration `json:"remote_min_tx"`
	RemoteMinRx      Duration `json:"remote_min_rx"`
	Multiplier       uint8    `json:"multiplier"`
	RemoteMultiplier uint8    `json:"remote_multiplier"`
	Polling          bool     `json:"polling"` // the neighbour has not confirmed our newest intervals yet

	Sent       uint64   `json:"packets_sent"`
	Received   uint64   `json:"packets_received"`
	SendErrors uint64   `json:"send_errors"`
	SendError  string   `json:"send_error"`   // the last one; empty when the last packet went out
	Flaps      uint64   `json:"flaps"`        // how often it went from up to another state
	Lateness   Duration `json:"lateness_max"` // longest time from when a packet was due to when it was sent
}

// A Duration is a time.Duration that is a string with units in JSON, for example "50ms".
type Duration struct{ time.Duration }

// MarshalText returns the duration as Duration.String has it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what time.ParseDuration reads, and returns its error.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("duration: %w", err)
	}
	d.Duration = v
	return nil
}

// status is p in the form that others read.
func (p *peer) status() Status {
	c, s := p.config, p.session
	out := Status{
		Name: c.Name, Neighbor: c.Neighbor, Source: c.Source, Interface: c.Interface, Multihop: c.Multihop,
		State: s.State, RemoteState: s.Remote.State, Diagnostic: s.Diag, RemoteDiag: s.Remote.Diag,
		Reason: p.verdict.Reason, Since: p.since, Discriminator: s.Discriminator, RemoteDiscr: s.Remote.Discriminator,
		TxInterval: Duration{s.Interval(c)}, DetectionTime: Duration{s.DetectionTime()},
		RemoteMinTx: Duration{s.Remote.Tx}, RemoteMinRx: Duration{s.Remote.Rx},
		Multiplier: c.Multiplier, RemoteMultiplier: s.Remote.Multiplier, Polling: s.Poll == PollAsking,
		Sent: p.sent, Received: p.received, SendErrors: p.sendErrors, Flaps: p.flaps, Lateness: Duration{p.lateness},
	}
	if s.Remote.Discriminator != 0 {
		out.RxInterval = Duration{max(s.RxInForce, s.Remote.Tx)}
	}
	if p.sendError != nil {
		out.SendError = p.sendError.Error()
	}
	return out
}

// judge says what the change from before to p.session means to those who depend on the neighbour. waited is the detection time that was
// in force before.
func (p *peer) judge(before Session, waited time.Duration) Verdict {
	s := p.session
	switch {
	case s.State == Up:
		return Verdict{Up: true}
	case s.State == AdminDown:
		return Verdict{Reason: "administratively down here"}
	case s.State == before.State || s.State == Init:
		return p.verdict // on the way up: the reason why it went down stays
	case s.Diag == DiagExpired:
		return Verdict{Reason: fmt.Sprintf("control detection time of %s expired", waited)}
	case s.Diag == DiagNeighborDown && s.Remote.State == AdminDown:
		return Verdict{Reason: "neighbour is administratively down"}
	case s.Diag == DiagNeighborDown:
		return Verdict{Reason: "neighbour signalled down: " + s.Remote.Diag.String()}
	}
	return Verdict{Reason: NotYetUp}
}

// NotYetUp is the reason of a session that never was up.
const NotYetUp = "the neighbour was not heard yet"
