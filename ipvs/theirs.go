package ipvs

import (
	"fmt"
	"strings"
)

// A service that somebody else made where one of ours is to be, and that has servers but none of ours, is left alone: it serves a purpose that
// we do not know. One that has nothing, or a server that is configured here, is what somebody began for us, or what an earlier director left
// that had no memory, and is taken over as it is.

// strangers reports whether e has servers, and none that v has.
func (v *VirtualServer) strangers(e Entry) bool { return len(e.Dests) > 0 && !v.knows(e) }

// leave leaves the service at k to whoever made it, and says so once.
func (r *reconciler) leave(s *service, k Key, e Entry) {
	text := explainTheirs(k, e)
	if r.theirs[k] != text {
		r.log.Error("a service is somebody else's and is left alone", "service", s.vs.Name, "error", text)
	}
	r.theirs[k] = text
}

// shownTheirs is how many servers of somebody else's an error names.
const shownTheirs = 3

func explainTheirs(k Key, e Entry) string {
	var servers []string
	for _, d := range e.Dests[:min(len(e.Dests), shownTheirs)] {
		servers = append(servers, d.Addr.String())
	}
	if more := len(e.Dests) - shownTheirs; more > 0 {
		servers = append(servers, fmt.Sprintf("%d more", more))
	}
	return fmt.Sprintf("%s is in the kernel already, made by somebody else with servers that are not configured here (%s), and left alone: remove it with `ipvsadm -D %s`",
		k, strings.Join(servers, ", "), k.option())
}

// option returns what ipvsadm is told k with: "-t 192.0.2.10:80", "-f 80 -6".
func (k Key) option() string {
	switch {
	case k.Mark != 0 && k.Family == V6:
		return fmt.Sprintf("-f %d -6", k.Mark)
	case k.Mark != 0:
		return fmt.Sprintf("-f %d", k.Mark)
	}
	return map[Proto]string{TCP: "-t", UDP: "-u", SCTP: "--sctp-service"}[k.Proto] + " " + k.Addr.String()
}

// seize makes all services of the first table ours that are not, if that was asked for: those that are not configured are removed then.
func (r *reconciler) seize() (changed bool) {
	if !r.clean {
		return false
	}
	r.clean = false
	for k, e := range r.table {
		if _, ours := r.owned[k]; !ours {
			r.log.Warn("a service of somebody else is removed or taken over", "key", k, "service", e.Service.String(), "servers", len(e.Dests))
			r.owned[k], r.dirty[k] = struct{}{}, struct{}{}
			changed = true
		}
	}
	return changed
}

// claim takes on the services that were somebody else's and are no more: they are gone, or have a server of ours.
func (r *reconciler) claim() {
	changed := false
	for k := range r.theirs {
		s := r.byKey[k]
		if s == nil {
			delete(r.theirs, k)
			continue
		}
		if e, there := r.table[k]; there && s.vs.strangers(e) {
			r.leave(s, k, e)
			continue
		}
		r.log.Info("a service is not somebody else's any more", "service", s.vs.Name, "key", k)
		delete(r.theirs, k)
		r.owned[k], r.dirty[k] = struct{}{}, struct{}{}
		changed = true
	}
	if changed {
		r.tellOwned()
	}
}
