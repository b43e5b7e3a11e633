package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/ipvs/mark"
)

// setMarks makes rules what is marked, before the services of the marks are there: until then marked packets are looked up by their
// addresses, like those without a mark. What fails is tried again, and shown by the status.
func (d *daemon) setMarks(rules []mark.Rule) {
	if err := d.marks.Configure(rules); err != nil {
		d.log.Error("the marks of our services are not as they shall be", "error", err)
	}
}

// endMarks removes the marks when the services go, too.
func (d *daemon) endMarks(leaving bool) error {
	d.mu.Lock()
	flush := d.config.Global.FlushOnStop && !leaving
	d.mu.Unlock()
	if !flush {
		return nil
	}
	return d.marks.Remove()
}

// writeMarks prints the marks that we give, if there are any.
func writeMarks(w io.Writer, s mark.Status) {
	if len(s.Marks) == 0 && s.Error == "" {
		return
	}
	fmt.Fprintln(w, "MARK\tPACKETS")
	for _, m := range s.Marks {
		fmt.Fprintf(w, "%d\t%d\n", m.Mark, m.Packets)
	}
	writeSources(w, s.Sources)
	if s.Repaired > 0 {
		fmt.Fprintf(w, "  changed by others and put back: %d times\n", s.Repaired)
	}
	if s.Error != "" {
		fmt.Fprintf(w, "  ERROR: %s\n", s.Error)
	}
	fmt.Fprintln(w)
}

// writeSources prints what servers see in place of the addresses of clients, if anything.
func writeSources(w io.Writer, sources []mark.SourceStatus) {
	if len(sources) == 0 {
		return
	}
	fmt.Fprintln(w, "SNAT\tCLIENTS\tSEEN FROM\tCONNECTIONS")
	for _, s := range sources {
		missing := ""
		if !s.Present {
			missing = "\tNOT IN FORCE: the kernel lacks the rules"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d%s\n", s.Service, s.Family, s.From, s.Connections, missing)
	}
}

// addMarks has what others did to the marks among what they did to the services: both are changes of one table to whoever made them.
func (e *EngineStatus) addMarks(s mark.Status) {
	for _, d := range s.Drifts {
		e.Drifts = append(e.Drifts, ipvs.Drift{Service: "marks", Found: d.Found, Undo: "make the table again", Seen: d.Seen, Repaired: d.Repaired})
	}
	slices.SortStableFunc(e.Drifts, func(a, b ipvs.Drift) int { return a.Seen.Compare(b.Seen) })
	e.DriftRepaired += s.Repaired
}
