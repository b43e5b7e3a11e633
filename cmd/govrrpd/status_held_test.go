package main

import (
	"strings"
	"testing"

	"github.com/govrrpd/govrrpd/vrrp/kernel"
)

func TestStatusShowsRoutesRulesAndStaticObjects(t *testing.T) {
	var b strings.Builder
	writeHeld(&b, nil)
	if b.Len() != 0 {
		t.Errorf("without objects it says %q", b.String())
	}
	writeHeld(&b, []kernel.HeldObject{
		{Kind: "address", Object: "10.0.0.5/24 on eth1", Held: true},
		{Router: "web", Kind: "route", Object: "route 0.0.0.0/0 via 192.0.2.1"},
		{Router: "web", Kind: "rule", Object: "rule 20000: table 100", Error: "add rule 20000: table 100: operation not permitted"},
	})
	want := "HELD BY\tSTATE\tOBJECT\n" +
		"static\theld\taddress 10.0.0.5/24 on eth1\n" +
		"web\t-\troute 0.0.0.0/0 via 192.0.2.1\n" +
		"web\tERROR\tadd rule 20000: table 100: operation not permitted\n\n"
	if got := b.String(); got != want {
		t.Errorf("it says\n%s\nwant\n%s", got, want)
	}
}
