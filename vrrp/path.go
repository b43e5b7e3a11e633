package vrrp

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// A Path is one more way to a unicast peer than the one to its address in Config.Peers. Every advert is sent over all of them, and one that
// comes over any of them is the peer's: it counts as if it came from the address in Config.Peers, so that an election between equal
// priorities comes out the same whatever the path. One path that lives prevents a takeover; the loss of one is told in log and status.
type Path struct {
	Peer      netip.Addr // in Config.Peers
	Address   netip.Addr // of the same router, where adverts are sent to and come from
	Interface string     // where they are sent and heard, from its primary address; empty: the router's own, and from its source
}

// identify returns the address in Peers of the router that has sent an advert from another one.
func (c *Config) identify(from netip.Addr) netip.Addr {
	for i := range c.Paths {
		if c.Paths[i].Address == from {
			return c.Paths[i].Peer
		}
	}
	return from
}

// peer reports whether an address is one of a configured peer.
func (c *Config) peer(a netip.Addr) bool { return slices.Contains(c.Peers, c.identify(a)) }

// validatePaths checks the paths.
func (c *Config) validatePaths() error {
	var errs []error
	for i, p := range c.Paths {
		named := func(other Path) bool { return other.Address == p.Address }
		switch {
		case !slices.Contains(c.Peers, p.Peer):
			errs = append(errs, fmt.Errorf("path %s is to %s, which is no peer", p.Address, p.Peer))
		case FamilyOf(p.Address) != c.Family() || p.Address.IsMulticast():
			errs = append(errs, fmt.Errorf("path %s is not an %s address of a router", p.Address, c.Family()))
		case slices.Contains(c.Peers, p.Address) || slices.ContainsFunc(c.Paths[:i], named):
			errs = append(errs, fmt.Errorf("path %s is named twice", p.Address))
		}
	}
	if len(c.Paths) > 0 && c.AH {
		errs = append(errs, errors.New("the authentication header goes over one path only: remove path { }"))
	}
	return errors.Join(errs...)
}

// A PathStatus is what is known of one way to a unicast peer that has several. The names in JSON are a contract with users.
type PathStatus struct {
	Peer      netip.Addr `json:"peer"`
	Address   netip.Addr `json:"address"`
	Interface string     `json:"interface"`
	Heard     time.Time  `json:"heard,omitzero"`      // the last advert; zero for none. A peer that is backup sends none
	LostSince time.Time  `json:"lost_since,omitzero"` // the peer advertises over another path, and not over this one
}

// A pathWatch compares the paths of each peer that has several. Any goroutine reads it.
type pathWatch struct {
	mu sync.Mutex
	// guarded by mu:
	paths []PathStatus
	since map[netip.Addr]time.Time // by peer: since when its adverts come without a pause
	last  map[netip.Addr]time.Time // by peer: its last advert
}

// configure keeps what is known of the paths that stay.
func (w *pathWatch) configure(c *Config) {
	w.mu.Lock()
	defer w.mu.Unlock()
	old := w.paths
	w.paths, w.since, w.last = nil, map[netip.Addr]time.Time{}, map[netip.Addr]time.Time{}
	add := func(p PathStatus) {
		if i := slices.IndexFunc(old, func(o PathStatus) bool { return o.Address == p.Address && o.Peer == p.Peer }); i >= 0 {
			p.Heard, p.LostSince = old[i].Heard, old[i].LostSince
		}
		w.paths = append(w.paths, p)
	}
	for i, p := range c.Paths {
		if !slices.ContainsFunc(c.Paths[:i], func(o Path) bool { return o.Peer == p.Peer }) {
			add(PathStatus{Peer: p.Peer, Address: p.Peer, Interface: c.Interface})
		}
		if p.Interface == "" {
			p.Interface = c.Interface
		}
		add(PathStatus{Peer: p.Peer, Address: p.Address, Interface: p.Interface})
	}
}

// A pathChange is that a path was lost, or is back.
type pathChange struct {
	PathStatus
	lost bool
}

// hear notes an advert of a peer that came from one of its addresses. It returns what that shows: a path over which nothing came for longer
// than patience, while another one works, is lost. It allocates nothing while nothing changes.
func (w *pathWatch) hear(peer, from netip.Addr, now time.Time, patience time.Duration) []pathChange {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.paths) == 0 {
		return nil
	}
	if last, ok := w.last[peer]; !ok || now.Sub(last) > patience {
		w.since[peer] = now
	}
	w.last[peer] = now
	var changes []pathChange
	for i := range w.paths {
		p := &w.paths[i]
		switch {
		case p.Peer != peer:
		case p.Address == from:
			if p.Heard = now; !p.LostSince.IsZero() {
				p.LostSince = time.Time{}
				changes = append(changes, pathChange{*p, false})
			}
		case p.LostSince.IsZero() && now.Sub(p.Heard) > patience && now.Sub(w.since[peer]) > patience:
			p.LostSince = now
			changes = append(changes, pathChange{*p, true})
		}
	}
	return changes
}

// status returns what is known of all paths; nil where no peer has several.
func (w *pathWatch) status() []PathStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.paths)
}

// watchPaths compares the paths of the peer that has sent an advert, and says what it finds.
func (r *router) watchPaths(peer, from netip.Addr) {
	if len(r.config.Paths) == 0 {
		return
	}
	for _, change := range r.paths.hear(peer, from, r.now(), DownInterval(r.config, r.state)) {
		if change.lost {
			r.log.Warn("path to a peer is lost, its adverts come over another one", "router", r.config.Name, "peer", peer, "address", change.Address, "interface", change.Interface)
			continue
		}
		r.log.Info("path to a peer is back", "router", r.config.Name, "peer", peer, "address", change.Address, "interface", change.Interface)
	}
}
