package vrrp

import (
	"net/netip"
	"time"
)

// An Event is something that can happen to a virtual router.
type Event interface{ event() }

type (
	// Start is the Startup event of RFC 9568 section 6.4.1. An heir is at once the master that an earlier router of this process was.
	Start struct{ Heir bool }
	// Stop is the Shutdown event: the router is removed or the process ends. With an heir nothing is said: the addresses stay here.
	Stop struct{ Heir bool }
	// HandOver is Stop, and failover, as far as a peer can take over: the addresses stay until a successor has announced them. Without
	// one a router that quits releases them, and one that does not stays master.
	HandOver struct {
		Quit bool
		Wait time.Duration // for a successor, if that is longer than SuccessorWait: a sync group waits for the slowest
	}
	// TakeOver ends standing aside and takes the role from a lesser master at once, whatever preemption says.
	TakeOver struct{}
	// Resume ends standing aside, and leaves the rest to the adverts.
	Resume struct{}
	// Received is an advert that passed Admit.
	Received struct {
		From   netip.Addr // IP source
		Packet Packet
	}
	// Expired means that the armed timer ran out: Active_Down_Timer in Backup, Adver_Timer in Master.
	Expired struct{}
	// Overslept replaces Expired for a master whose timer was served later than the other routers wait before one of them takes
	// over: the process was stopped or starved, and there may be a new master by now.
	Overslept struct{}
	// DelayEnded means that the preempt delay is over.
	DelayEnded struct{}
	// SetPriority gives the effective priority, 1 to 255.
	SetPriority struct{ Priority uint8 }
	// SetFault says whether something forbids the router to take part: its link is down, its addresses cannot be held, …
	SetFault struct{ Fault bool }
	// Lost says that somebody deleted what a master holds, and that it shall step down for that.
	Lost struct{ Reason string }
	// SetSource gives the address from which adverts are sent now.
	SetSource struct{ Source netip.Addr }
)

func (Start) event()       {}
func (Stop) event()        {}
func (HandOver) event()    {}
func (TakeOver) event()    {}
func (Resume) event()      {}
func (Received) event()    {}
func (Expired) event()     {}
func (Overslept) event()   {}
func (DelayEnded) event()  {}
func (SetPriority) event() {}
func (SetFault) event()    {}
func (Lost) event()        {}
func (SetSource) event()   {}

// An Action is something that a virtual router asks for.
type Action interface{ action() }

type (
	// Send asks for one advert with this priority, now.
	Send struct{ Priority uint8 }
	// Arm sets the router's only timer to run out after After, in place of what it was set to.
	Arm struct{ After time.Duration }
	// ArmDelay makes DelayEnded happen after After. It needs no cancelling: who no longer waits for DelayEnded ignores it.
	ArmDelay struct{ After time.Duration }
	// Disarm cancels the timer.
	Disarm struct{}
	// Hold makes the virtual addresses present (On) or absent. It takes effect after the actions before it and may take its time.
	Hold struct{ On bool }
	// Retire is Hold with On false for a master that has just made its successor announce the addresses by a last word: it announces them
	// no more, and lets them go when After has passed, so that who was sent to us by an earlier announcement finds somebody until then.
	Retire struct{ After time.Duration }
	// AnnounceAddresses tells the segment by gratuitous ARP where the addresses are. It follows the Hold before it.
	AnnounceAddresses struct{}
	// Silence drops the announcements that are still to come of the one before. The addresses stay.
	Silence struct{}
)

func (Send) action()              {}
func (Arm) action()               {}
func (ArmDelay) action()          {}
func (Disarm) action()            {}
func (Hold) action()              {}
func (Retire) action()            {}
func (AnnounceAddresses) action() {}
func (Silence) action()           {}
