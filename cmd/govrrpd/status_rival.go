package main

import (
	"fmt"
	"time"

	"github.com/govrrpd/govrrpd/vrrp"
)

// rivals describes the other masters that a master knows of.
func rivals(list []vrrp.Rival, now time.Time) []string {
	var words []string
	for _, v := range list {
		mac := ""
		if v.MAC != "" {
			mac = " (" + v.MAC + ")"
		}
		if v.Claims.IsValid() {
			words = append(words, fmt.Sprintf("TWO MASTERS: %s answers for %s, too, since %s, last %s ago: %s",
				v.MAC, v.Claims, age(now, v.Since), age(now, v.Last), v.Why))
			continue
		}
		words = append(words, fmt.Sprintf("TWO MASTERS: %s%s advertises priority %d since %s, last %s ago; %s has to yield: %s",
			v.From, mac, v.Priority, age(now, v.Since), age(now, v.Last), v.MustYield, v.Why))
	}
	return words
}
