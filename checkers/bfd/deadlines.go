package bfd

import "time"

// deadline returns when something is to be done for the session: a packet sent, or the neighbour given up; zero for never.
func (p *peer) deadline() time.Time {
	wait := p.session.DetectionTime()
	if wait == 0 {
		return p.next
	}
	if gone := p.heard.Add(wait); p.next.IsZero() || gone.Before(p.next) {
		return gone
	}
	return p.next
}

// deadlines is a heap of peers, the earliest deadline first and those without one last.
type deadlines []*peer

// Len is that of heap.Interface, as are the methods below.
func (d deadlines) Len() int { return len(d) }

// Less orders by deadline.
func (d deadlines) Less(i, j int) bool {
	a, b := d[i].deadline(), d[j].deadline()
	return !a.IsZero() && (b.IsZero() || a.Before(b))
}

// Swap swaps two peers.
func (d deadlines) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].place, d[j].place = i, j
}

// Push appends a *peer.
func (d *deadlines) Push(x any) {
	p := x.(*peer)
	p.place = len(*d)
	*d = append(*d, p)
}

// Pop removes the last.
func (d *deadlines) Pop() any {
	last := len(*d) - 1
	p := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	return p
}

func (d deadlines) first() *peer {
	if len(d) == 0 {
		return nil
	}
	return d[0]
}

func (d deadlines) earliest() time.Time {
	if p := d.first(); p != nil {
		return p.deadline()
	}
	return time.Time{}
}
