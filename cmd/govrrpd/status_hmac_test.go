package main

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/vrrp"
)

func TestSignedAdvertsInText(t *testing.T) {
	now := time.Unix(1000, 0)
	var b strings.Builder
	writeSigned(&b, []vrrp.Status{{Name: "plain"}}, now)
	if b.String() != "" {
		t.Errorf("without hmac: %q", b.String())
	}
	writeSigned(&b, []vrrp.Status{
		{Name: "web", HMAC: &vrrp.HMACStatus{Mode: "permissive", ActiveKey: 2, Unsigned: 7, Senders: []vrrp.HMACSender{
			{Address: netip.MustParseAddr("10.0.0.2"), Key: 1, Ahead: vrrp.Duration{Duration: -1500 * time.Millisecond}, At: now.Add(-time.Second)},
			{Address: netip.MustParseAddr("10.0.0.3")},
		}}},
		{Name: "plain"},
		{Name: "gateway", HMAC: &vrrp.HMACStatus{Mode: "enforce", ActiveKey: 1}},
	}, now)
	want := "SIGNED\tMODE\tKEY\tSENDERS\n" +
		"web\tpermissive\t2\t10.0.0.2 key 1, clock -1.5 s, 1s ago; 10.0.0.3 not heard since our start; UNSIGNED: 7 adverts\n" +
		"gateway\tenforce\t1\tnone heard\n\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
