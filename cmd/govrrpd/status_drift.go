package main

import (
	"fmt"
	"io"
	"time"
)

// writeDrift says what others did to our services; nothing where nobody did.
func writeDrift(w io.Writer, e EngineStatus, now time.Time) {
	if len(e.Drifts) == 0 {
		return
	}
	last := e.Drifts[len(e.Drifts)-1]
	fmt.Fprintf(w, "  %s of others put back, the last seen %s ago: %s: %s\n", count(e.DriftRepaired, "change"), age(now, last.Seen), last.Service, last.Found)
	waiting := 0
	for _, d := range e.Drifts {
		if d.Repaired.IsZero() {
			waiting++
		}
	}
	if waiting > 0 {
		fmt.Fprintf(w, "  NOT PUT BACK YET: %s of others\n", count(waiting, "change"))
	}
	fmt.Fprintln(w)
}
