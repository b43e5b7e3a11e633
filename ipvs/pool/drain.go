package pool

import "time"

// quietFor is how long a server that drains has to be without connections before it counts as drained: a handshake that was under way when it
// was told to take no more is no connection yet, and is sent again after a second when a packet of it was lost.
const quietFor = 2 * time.Second

// Drains reports whether o is a drain that has not ended.
func (o *Override) Drains() bool { return o != nil && o.Kind == Drain && o.Drained.IsZero() }

// Counted returns o after a look at now found that the server takes no new connections and has n old ones.
func (o Override) Counted(now time.Time, n int) Override {
	switch {
	case !o.Drains():
	case n > 0:
		o.quiet = time.Time{}
	case o.quiet.IsZero():
		o.quiet = now
	case now.Sub(o.quiet) >= quietFor:
		o.Drained = now
	}
	return o
}

// Absent returns o after a look at now found that the server is in no table: there is nothing to wait for.
func (o Override) Absent(now time.Time) Override {
	if o.Drains() {
		o.Drained = now
	}
	return o
}

// Expired returns o as its deadline leaves it at now.
func (o Override) Expired(now time.Time) Override {
	if o.Drains() && !o.Deadline.IsZero() && !now.Before(o.Deadline) {
		o.Drained, o.Cut = now, o.quiet.IsZero()
	}
	return o
}
