package main

import (
	"fmt"
	"strings"

	"github.com/govrrpd/govrrpd/ipvs"
)

// serviceState is the last column of a virtual server: what is wrong, in capitals.
func serviceState(s ipvs.ServiceStatus) string {
	var wrong []string
	if s.Error != "" {
		wrong = append(wrong, "ERROR: "+s.Error)
	}
	if s.SorryActive {
		wrong = append(wrong, "SORRY SERVER")
	}
	if q := s.Quorum; q.Known && !q.Held {
		wrong = append(wrong, fmt.Sprintf("QUORUM LOST: %d of %d (%s), back at %d", q.Have, q.Total, q.Counts, q.Gain))
	}
	if len(wrong) == 0 {
		return "ok"
	}
	return strings.Join(wrong, "; ")
}

// serverState is the last column of a real server.
func serverState(r ipvs.ServerStatus) string {
	state := "up"
	if !r.Up {
		state = "DOWN"
	}
	if r.Reason != "" && r.Reason != "checks failed" {
		state += ": " + r.Reason
	}
	return state
}
