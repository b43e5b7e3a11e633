package ipvs

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// Find returns the server that an operator calls by the name of its virtual server and its address, IP or IP:PORT. Servers that are not
// configured any more, of which operators said something, are found too. The error says what there is, the most similar first.
func (e *Engine) Find(service, server string) (ServerID, error) {
	e.r.mu.Lock()
	defer e.r.mu.Unlock()
	return e.r.find(service, server)
}

// Server returns what is known of a server that Find has found.
func (e *Engine) Server(id ServerID) ServerReport {
	e.r.mu.Lock()
	defer e.r.mu.Unlock()
	return e.r.report(id)
}

func (r *reconciler) find(service, server string) (ServerID, error) {
	servers, known := r.serversOf(service)
	if !known {
		return ServerID{}, fmt.Errorf("there is no virtual_server %q; %s", service, thereAre(service, r.serviceNames()))
	}
	match, err := matching(server)
	if err != nil {
		return ServerID{}, err
	}
	var found, names []string
	var id ServerID
	for _, a := range servers {
		names = append(names, a.String())
		if match(a) {
			found, id = append(found, a.String()), ServerID{service, a}
		}
	}
	switch len(found) {
	case 0:
		return ServerID{}, fmt.Errorf("virtual_server %q has no real server %s; %s", service, server, thereAre(server, names))
	case 1:
		return id, nil
	}
	return ServerID{}, fmt.Errorf("virtual_server %q has %d real servers at %s: name the port, %s", service, len(found), server, strings.Join(found, " or "))
}

// matching returns what tells the servers that text means, an address with a port or without one.
func matching(text string) (func(netip.AddrPort) bool, error) {
	if a, err := netip.ParseAddrPort(text); err == nil {
		return func(b netip.AddrPort) bool { return a == b }, nil
	}
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		return nil, fmt.Errorf("%q is no real server: want its address, such as 10.0.0.11, 10.0.0.11:80 or [2001:db8::11]:80", text)
	}
	return func(b netip.AddrPort) bool { return a == b.Addr() }, nil
}

// serversOf returns the servers of a virtual server, and those that it once had and that operators have said something of; false if there is none.
func (r *reconciler) serversOf(service string) (servers []netip.AddrPort, known bool) {
	s := r.services[service]
	if s != nil {
		for _, server := range s.vs.Servers {
			servers = append(servers, server.Addr)
		}
	}
	for id := range r.strays {
		if id.Service == service && !r.overrides.nothing(id) {
			servers = append(servers, id.Addr)
		}
	}
	return servers, s != nil || len(servers) > 0
}

func (r *reconciler) serviceNames() []string {
	names := make([]string, len(r.order))
	for i, s := range r.order {
		names[i] = s.vs.Name
	}
	return names
}

// thereAre lists names for somebody who wrote given, the most similar first, and not more than one can read.
func thereAre(given string, names []string) string {
	const shown = 10
	if len(names) == 0 {
		return "none is configured"
	}
	given = strings.ToLower(given)
	slices.SortStableFunc(names, func(a, b string) int {
		return levenshtein.Distance(given, strings.ToLower(a), nil) - levenshtein.Distance(given, strings.ToLower(b), nil)
	})
	list := strings.Join(names[:min(shown, len(names))], ", ")
	if len(names) > shown {
		list += fmt.Sprintf(" and %d more", len(names)-shown)
	}
	return "there are " + list
}
