package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/ipvs/pool"
)

// overrideText is what operators say of a server: "draining, at most 9m58s, by root 5m0s ago: a new kernel; weight 3, by root 2h00m ago".
func overrideText(o *pool.Override, now time.Time) string {
	var words []string
	if o != nil && o.Kind != pool.None {
		words = append(words, takenOut(o, now)+saidBy(o.By, now))
	}
	if o != nil && o.Weight != nil {
		words = append(words, fmt.Sprintf("weight %d", *o.Weight)+saidBy(o.WeightBy, now))
	}
	return strings.Join(words, "; ")
}

func takenOut(o *pool.Override, now time.Time) string {
	switch {
	case o.Kind == pool.Disable:
		return "disabled"
	case o.Cut:
		return "drained, cut short " + age(now, o.Drained) + " ago"
	case !o.Drains():
		return "drained " + age(now, o.Drained) + " ago"
	case !o.Deadline.IsZero():
		return "draining, at most " + max(o.Deadline.Sub(now), 0).Round(time.Second).String()
	}
	return "draining"
}

func saidBy(s pool.Saying, now time.Time) string {
	text := fmt.Sprintf(", by %s %s ago", s.Who, age(now, s.When))
	if s.Why != "" {
		text += ": " + s.Why
	}
	return text
}

// writeStrays shows what operators said of servers that are configured no more.
func writeStrays(w io.Writer, strays []ipvs.ServerOverride, now time.Time) {
	if len(strays) == 0 {
		return
	}
	fmt.Fprintln(w, "OVERRIDES of servers that are configured no more; `govrrpd enable VS RS` forgets one, the end of the director all")
	for _, o := range strays {
		fmt.Fprintf(w, "  %s of %s: %s\n", o.Server, o.Service, overrideText(&o.Override, now))
	}
	fmt.Fprintln(w)
}
