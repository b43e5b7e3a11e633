package main

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/ipvs"
)

func TestWhichRealPrints(t *testing.T) {
	answer := []ipvs.Which{
		{Service: "tcp [2001:db8::10]:80", Server: netip.MustParseAddrPort("[2001:db8:1::2]:80"), Why: "the hash of scheduler mh"},
		{Service: "fwmark 80 ipv6", Why: "not fixed: scheduler wlc decides when the connection comes"},
	}
	for output, want := range map[string]string{
		"text": "tcp [2001:db8::10]:80 -> [2001:db8:1::2]:80 (the hash of scheduler mh)\n" +
			"fwmark 80 ipv6 -> - (not fixed: scheduler wlc decides when the connection comes)\n",
		"json": `[
  {
    "service": "tcp [2001:db8::10]:80",
    "server": "[2001:db8:1::2]:80",
    "why": "the hash of scheduler mh"
  },
  {
    "service": "fwmark 80 ipv6",
    "why": "not fixed: scheduler wlc decides when the connection comes"
  }
]
`,
	} {
		var got strings.Builder
		if err := writeWhich(&got, output, answer); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got.String()); d != "" {
			t.Errorf("-o %s (-want +got):\n%s", output, d)
		}
	}
}
