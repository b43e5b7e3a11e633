package kernel

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

const (
	// routesReread is how often tracked routes are read although no notice asks for it.
	routesReread = time.Minute
	// routesPause is the least time between two readings; where the table is large, it is routesShare times what a reading takes.
	routesPause = 20 * time.Millisecond
	routesShare = 10
	// routesRetry is the pause after routes could not be read.
	routesRetry = time.Second
)

// routes knows whether the tracked routes are there. The kernel's notices only wake a reading, and so do changes of links and addresses: the
// kernel takes routes along with those and says nothing of it.
type routes struct {
	log    *slog.Logger
	wake   bell
	buffer int // bytes the kernel may queue

	mu sync.Mutex
	// guarded by mu:
	wanted   []vrrp.Route
	found    map[string]vrrp.Verdict // by name; none that was not read yet
	readings uint64
}

func newRoutes(log *slog.Logger) *routes {
	return &routes{log: log, wake: newBell(), buffer: 1 << 20, found: map[string]vrrp.Verdict{}}
}

// want makes rs the tracked ones. What is known of one that stays is kept.
func (r *routes) want(rs []vrrp.Route) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.Equal(r.wanted, rs) {
		return
	}
	found := map[string]vrrp.Verdict{}
	for _, w := range rs {
		if v, ok := r.found[w.Name]; ok && slices.Contains(r.wanted, w) {
			found[w.Name] = v
		}
	}
	r.wanted, r.found = slices.Clone(rs), found
	r.wake.ring()
}

func (r *routes) wants() []vrrp.Route {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.wanted
}

func (r *routes) verdict(name string) (vrrp.Verdict, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.found[name]
	return v, ok
}

// note takes in what was read, and reports whether that is news. Wanted is what it was read for.
func (r *routes) note(wanted []vrrp.Route, found map[string]vrrp.Verdict) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.readings++
	if !slices.Equal(wanted, r.wanted) { // another reading follows
		return false
	}
	news := !maps.Equal(r.found, found)
	r.found = found
	return news
}

// watchRoutes keeps what is known of routes until ctx ends.
func (h *Host) watchRoutes(ctx context.Context) {
	w := routeWatch{routes: h.routes, link: h.facts.nameOf}
	defer w.close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.routes.wake:
		case <-timer.C:
		}
		began := time.Now()
		news, wait := w.look()
		if news {
			h.admin.Lock()
			h.reconcile()
			h.admin.Unlock()
		}
		timer.Reset(wait)
		rest(ctx, max(routesPause, routesShare*time.Since(began)))
	}
}

// routeWatch is the state of watchRoutes; its goroutine owns it.
type routeWatch struct {
	routes *routes
	link   func(index int) string
	events *routeEvents // nil while nothing is wanted
	failed bool         // and that was logged
}

// look reads the wanted routes once, and returns how long to wait for a notice at most.
func (w *routeWatch) look() (news bool, wait time.Duration) {
	wanted := w.routes.wants()
	err := w.listenFor(wanted)
	var found map[string]vrrp.Verdict
	if err == nil {
		found, err = readRoutes(wanted, w.link)
	}
	if err != nil {
		if !w.failed {
			w.routes.log.Error("tracked routes cannot be read", "error", err)
		}
		w.failed = true
		return false, routesRetry
	}
	w.failed = false
	return w.routes.note(wanted, found), routesReread
}

// listenFor subscribes to notices of the wanted routes, before they are read.
func (w *routeWatch) listenFor(wanted []vrrp.Route) error {
	if w.events != nil && slices.Equal(w.events.wanted, wanted) && w.events.alive() {
		return nil
	}
	w.close()
	if len(wanted) == 0 {
		return nil
	}
	events, err := openRouteEvents(wanted, w.routes.buffer, w.routes.wake.ring)
	w.events = events
	return err
}

func (w *routeWatch) close() {
	if w.events != nil {
		w.events.close()
		w.events = nil
	}
}

// readRoutes looks whether the wanted routes are there. Name turns the index of an interface into its name.
func readRoutes(wanted []vrrp.Route, name func(int) string) (map[string]vrrp.Verdict, error) {
	found := map[string]vrrp.Verdict{}
	if len(wanted) == 0 {
		return found, nil
	}
	s, err := openRoute()
	if err != nil {
		return nil, err
	}
	defer s.close()
	for _, w := range wanted {
		found[w.Name] = vrrp.Verdict{State: vrrp.Down, Reason: "no route " + routeText(w)}
	}
	type part struct {
		family uint8
		table  int
	}
	read := map[part]bool{}
	for _, w := range wanted {
		p := part{familyOf(w.Prefix.Addr()), w.Table}
		if read[p] {
			continue
		}
		read[p] = true
		up, err := s.routesUp(p.family, p.table, wanted, name)
		if err != nil {
			return nil, err
		}
		maps.Copy(found, up)
	}
	return found, nil
}

// routesUp returns the verdicts on those of the wanted routes that are in a table.
func (s *routeSocket) routesUp(family uint8, table int, wanted []vrrp.Route, name func(int) string) (up map[string]vrrp.Verdict, err error) {
	err = whole(func() error {
		up = map[string]vrrp.Verdict{} // one that went away in the midst of an interrupted list is not there
		return s.dumpRoutes(family, table, func(r routeFact) {
			for _, w := range wanted {
				if hop, ok := r.serves(w, name); ok {
					up[w.Name] = vrrp.Verdict{State: vrrp.Up, Reason: hopText(w, hop, name)}
				}
			}
		})
	})
	return up, err
}

// routeText is a route as `ip route` writes it.
func routeText(w vrrp.Route) string {
	out := w.Prefix.String()
	if w.Prefix.Bits() == 0 {
		out = "default"
	}
	if w.Via.IsValid() {
		out += " via " + w.Via.String()
	}
	if w.Interface != "" {
		out += " dev " + w.Interface
	}
	if w.Table != vrrp.MainTable {
		out += fmt.Sprintf(" table %d", w.Table)
	}
	return out
}

func hopText(w vrrp.Route, h hop, name func(int) string) string {
	w.Via, w.Interface = h.via, cmp.Or(name(h.index), w.Interface)
	return routeText(w)
}

// serves reports whether r is the wanted route, and by which hop.
func (r routeFact) serves(w vrrp.Route, name func(int) string) (hop, bool) {
	if r.prefix != w.Prefix || r.table != w.Table || r.kind != unix.RTN_UNICAST || r.flags&unix.RTM_F_CLONED != 0 {
		return hop{}, false
	}
	for _, h := range r.hops {
		dead := h.flags&(unix.RTNH_F_DEAD|unix.RTNH_F_LINKDOWN) != 0
		if !dead && (!w.Via.IsValid() || h.via == w.Via) && (w.Interface == "" || name(h.index) == w.Interface) {
			return h, true
		}
	}
	return hop{}, false
}

// nameOf returns the name of the interface with that index, or "".
func (f *facts) nameOf(index int) string {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.table.links[index].name
}

// linkFault is that of the table.
func (f *facts) linkFault(name string) string {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.table.linkFault(name)
}

// takesRoutes reports whether the kernel may have removed or revived routes along with what ev tells.
func takesRoutes(ev event) bool { return ev.link != nil || ev.gone }
