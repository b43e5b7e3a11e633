package main

import (
	"cmp"
	"fmt"
	"io"

	"github.com/govrrpd/govrrpd/vrrp/kernel"
)

// writeHeld shows routes, rules and static objects, and what is wrong with them; nothing where there are none, as on most hosts.
func writeHeld(w io.Writer, objects []kernel.HeldObject) {
	if len(objects) == 0 {
		return
	}
	fmt.Fprintln(w, "HELD BY\tSTATE\tOBJECT")
	for _, o := range objects {
		object := o.Object
		if o.Kind == "address" {
			object = "address " + object
		}
		state := "-" // by a backup
		switch {
		case o.Error != "":
			state, object = "ERROR", o.Error
		case o.Held:
			state = "held"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", cmp.Or(o.Router, "static"), state, object)
	}
	fmt.Fprintln(w)
}
