package kernel

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/govrrpd/govrrpd/vrrp"
)

func TestWantsNameTheInterfaceOfEachAddress(t *testing.T) {
	c := &vrrp.Config{Interface: "eth0", Addresses: []vrrp.Address{
		{Prefix: netip.MustParsePrefix("10.0.0.1/24"), Label: "eth0:a"},
		{Prefix: netip.MustParsePrefix("10.0.0.2/24"), Interface: "eth1", Excluded: true},
	}}
	want := []want{
		{ifname: "eth0", prefix: netip.MustParsePrefix("10.0.0.1/24"), label: "eth0:a"},
		{ifname: "eth1", prefix: netip.MustParsePrefix("10.0.0.2/24"), label: ""},
	}
	if diff := cmp.Diff(want, wants(c), wantOptions); diff != "" {
		t.Errorf("wants (-want +got):\n%s", diff)
	}
}

var wantOptions = cmp.Options{
	cmp.AllowUnexported(want{}, plan{}), cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{}), cmpopts.EquateEmpty(),
}

func TestPlanIsTheDifference(t *testing.T) {
	w := func(addr, label string) want {
		return want{ifname: "eth0", prefix: netip.MustParsePrefix(addr), label: label}
	}
	a, b, labelled := w("10.0.0.1/24", ""), w("10.0.0.2/24", ""), w("10.0.0.1/24", "eth0:a")
	six, sixShort := w("2001:db8::10/64", ""), w("2001:db8::10/128", "")
	for _, test := range []struct {
		name             string
		old, now, others []want
		want             plan
	}{
		{"the first hold adds", nil, []want{a, b}, nil, plan{add: []want{a, b}}},
		{"the same again is applied again", []want{a}, []want{a}, nil, plan{add: []want{a}}},
		{"what is no longer wanted goes", []want{a, b}, []want{b}, nil, plan{add: []want{b}, remove: []want{a}}},
		{"what another router wants stays", []want{a, b}, nil, []want{b}, plan{remove: []want{a}}},
		{"a new label needs the old one gone first", []want{a}, []want{labelled}, nil, plan{add: []want{labelled}, before: []want{a}}},
		{"so does a new prefix length over IPv6", []want{six}, []want{sixShort}, nil, plan{add: []want{sixShort}, before: []want{six}}},
		{"but not over IPv4", []want{a}, []want{w("10.0.0.1/32", "")}, nil, plan{add: []want{w("10.0.0.1/32", "")}, remove: []want{a}}},
		{"unless another router wants it as it is", []want{a}, []want{labelled}, []want{a}, plan{add: []want{labelled}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			others := map[addrName]want{}
			for _, w := range test.others {
				others[w.name()] = w
			}
			if diff := cmp.Diff(test.want, planHold(test.old, test.now, others), wantOptions); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}
