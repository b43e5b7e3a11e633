package bfd

import "time"

// hear takes one packet to its session, or counts why not. The Engine's lock is held.
func (e *Engine) hear(a Arrival) {
	packet, err := ParsePacket(a.Payload)
	if err != nil {
		e.drop(err.(Reason)) //nolint:forcetypeassert // ParsePacket returns nothing else, and a wrong packet must cost nothing
		return
	}
	p, err := e.find(a, packet)
	if err != nil {
		e.drop(err.(Reason)) //nolint:forcetypeassert // as above
		return
	}
	p.heard = time.Now()
	if e.step(p, Received{packet})&Refused != 0 {
		e.drop(DropAdminDown)
		return
	}
	p.received++
}

func (e *Engine) drop(r Reason) { e.drops[r].Add(1) }

// find returns the session that a packet is for: by our discriminator, or before the neighbour knows that, by the addresses and the
// interface (RFC 5880 section 6.3, RFC 5881 section 3). The error is a Reason.
func (e *Engine) find(a Arrival, packet Packet) (*peer, error) {
	if packet.YourDiscriminator == 0 {
		return e.findByAddress(a)
	}
	p := e.byDiscr[packet.YourDiscriminator]
	if p == nil {
		return nil, DropUnknownDiscr
	}
	return p, p.admits(a)
}

func (e *Engine) findByAddress(a Arrival) (*peer, error) {
	refusal := DropUnknownPeer
	for _, p := range e.byNeighbor[a.From] {
		if p.config.Source.IsValid() && p.config.Source != a.To {
			continue
		}
		err := p.admits(a)
		if err == nil {
			return p, nil
		}
		if err != DropPort || refusal == DropUnknownPeer { // which says the least
			refusal = err.(Reason) //nolint:forcetypeassert // admits returns nothing else
		}
	}
	return nil, refusal
}

// admits says why a packet cannot be of the session, if so, by the way that it came. The error is a Reason.
func (p *peer) admits(a Arrival) error {
	switch {
	case p.config.Multihop != a.Multihop:
		return DropPort
	case a.TTL < p.config.MinTTL:
		return DropTTL
	case p.config.Interface != "" && p.sender.Index() != a.Interface:
		return DropInterface
	}
	return nil
}
