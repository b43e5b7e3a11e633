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

// writeUnread says that what is shown of the table is old, or nothing. In the status of everything that is further up.
func writeUnread(w io.Writer, err, part string) {
	if part == "ipvs" && err != "" {
		fmt.Fprintf(w, "  THE KERNEL'S TABLE CANNOT BE READ: %s\n\n", err)
	}
}
