package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/govrrpd/govrrpd/vrrp"
)

// writeSigned lists the instances whose adverts are signed, with what a roll-out or a change of keys waits for: which key each sender
// uses, how far its clock is from ours, and what enforce would drop. Nothing where nobody signs.
func writeSigned(w io.Writer, routers []vrrp.Status, now time.Time) {
	head := "SIGNED\tMODE\tKEY\tSENDERS\n"
	for _, r := range routers {
		h := r.HMAC
		if h == nil {
			continue
		}
		fmt.Fprintf(w, "%s%s\t%s\t%d\t%s\n", head, r.Name, h.Mode, h.ActiveKey, senders(h, now))
		head = ""
	}
	if head == "" {
		fmt.Fprintln(w)
	}
}

// shownSenders is how many fit on a line of one screen beside the rest.
const shownSenders = 4

func senders(h *vrrp.HMACStatus, now time.Time) string {
	var words []string
	for _, s := range h.Senders[:min(len(h.Senders), shownSenders)] {
		if s.At.IsZero() {
			words = append(words, s.Address.String()+" not heard since our start")
			continue
		}
		words = append(words, fmt.Sprintf("%s key %d, clock %+.1f s, %s ago", s.Address, s.Key, s.Ahead.Seconds(), age(now, s.At)))
	}
	if more := len(h.Senders) - shownSenders; more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	if h.Unsigned > 0 {
		words = append(words, fmt.Sprintf("UNSIGNED: %d adverts", h.Unsigned))
	}
	if len(words) == 0 {
		return "none heard"
	}
	return strings.Join(words, "; ")
}
