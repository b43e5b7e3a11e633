package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/ipvs/mark"
)

// The status says what servers see in place of clients, and shouts where they do not.
func TestStatusShowsReplacedSources(t *testing.T) {
	var b strings.Builder
	writeMarks(&b, mark.Status{
		Marks: []mark.MarkStatus{{Mark: 80, Packets: 7}},
		Sources: []mark.SourceStatus{
			{Service: "shop", Mark: 80, Family: "ipv4", From: "192.0.2.50-192.0.2.60", Present: true, Connections: 3},
			{Service: "shop", Mark: 80, Family: "ipv6", From: "auto"},
		},
	})
	want := "MARK\tPACKETS\n80\t7\n" +
		"SNAT\tCLIENTS\tSEEN FROM\tCONNECTIONS\n" +
		"shop\tipv4\t192.0.2.50-192.0.2.60\t3\n" +
		"shop\tipv6\tauto\t0\tNOT IN FORCE: the kernel lacks the rules\n\n"
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Errorf("status (-want +got)\n%s", d)
	}
}
