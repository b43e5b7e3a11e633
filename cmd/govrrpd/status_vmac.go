package main

import (
	"fmt"
	"io"

	"github.com/govrrpd/govrrpd/vrrp/kernel"
)

// writeVMACs lists the interfaces with virtual hardware addresses, if there are any.
func writeVMACs(w io.Writer, list []kernel.VMAC) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintln(w, "VMAC\tON\tINSTANCE\tADDRESS\tSTATE")
	for _, v := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", v.Name, v.Interface, v.Router, v.MAC, vmacState(v))
	}
	fmt.Fprintln(w)
}

// vmacState is what an operator asks of one: is it up where its instance is master, and only there?
func vmacState(v kernel.VMAC) string {
	switch {
	case v.Error != "":
		return "ERROR: " + v.Error
	case v.Index == 0:
		return "MISSING"
	case v.Wanted && !v.Up:
		return "DOWN though master"
	case v.Up:
		return "up"
	}
	return "down until master"
}
