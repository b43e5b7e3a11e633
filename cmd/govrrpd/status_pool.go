package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/ipvs/pool"
)

// serviceState is the last column of a virtual server: what is wrong, in capitals.
func serviceState(s ipvs.ServiceStatus) string {
	var wrong []string
	if s.Error != "" {
		wrong = append(wrong, "ERROR: "+s.Error)
	}
	if s.Panic {
		wrong = append(wrong, "PANIC: too many failed at once, they keep their weights")
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
func serverState(r ipvs.ServerStatus, now time.Time) string {
	state := "up"
	if !r.Up {
		state = "DOWN"
	}
	said := overrideText(r.Override, now)
	for _, why := range []string{reasonText(r, now), said} {
		if why != "" {
			state += ": " + why
		}
	}
	return state
}

// reasonText is why r has not its weight, unless that is said elsewhere on its line.
func reasonText(r ipvs.ServerStatus, now time.Time) string {
	if r.Reason == "checks failed" || r.Override != nil && r.Override.Kind != pool.None {
		return ""
	}
	if !r.Until.IsZero() {
		return fmt.Sprintf("%s, %s left", r.Reason, age(r.Until, now))
	}
	return r.Reason
}
