package main

import (
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/govrrpd/govrrpd/vrrp"
	"github.com/govrrpd/govrrpd/vrrp/kernel"
)

func TestStatusShowsVMACs(t *testing.T) {
	v := kernel.VMAC{Router: "web", Name: "vrrp.51", Interface: "eth0", MAC: vrrp.VirtualMAC(51, vrrp.IPv4), Index: 7}
	for _, test := range []struct {
		want string
		edit func(v *kernel.VMAC)
	}{
		{"down until master", func(*kernel.VMAC) {}},
		{"up", func(v *kernel.VMAC) { v.Wanted, v.Up = true, true }},
		{"DOWN though master", func(v *kernel.VMAC) { v.Wanted = true }},
		{"MISSING", func(v *kernel.VMAC) { v.Index = 0 }},
		{"ERROR: it is not ours", func(v *kernel.VMAC) { v.Error = "it is not ours" }},
	} {
		one := v
		test.edit(&one)
		var b strings.Builder
		w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
		writeVMACs(w, []kernel.VMAC{one})
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		want := "vrrp.51  eth0  web       00:00:5e:00:01:33  " + test.want
		if lines := strings.Split(b.String(), "\n"); len(lines) < 2 || lines[1] != want {
			t.Errorf("got\n%s\nwant %q", b.String(), want)
		}
	}
}
