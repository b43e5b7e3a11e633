package conf

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/govrrpd/govrrpd/vrrp"
)

// syncFile is a configuration of two instances and a sync group that says more.
func syncFile(t *testing.T, more string) string {
	t.Helper()
	var b strings.Builder
	for i, name := range []string{"web", "gateway"} {
		fmt.Fprintf(&b, "vrrp_instance %q {\n  interface = \"eth%d\"\n  virtual_router_id = 51\n  virtual_addresses = [\"192.0.2.%d/24\"]\n}\n", name, i, 10+i)
	}
	return file(t, b.String()+"vrrp_sync_group \"edge\" {\n"+more+"\n}\n")
}

func TestSyncGroupNamesItsMembersInOrder(t *testing.T) {
	got := mustLoad(t, nil, syncFile(t, `instances = ["gateway", "web"]`)).Groups
	want := []vrrp.SyncGroup{{Name: "edge", Members: []string{"gateway", "web"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWeightsOfMembersMustBeAllowed(t *testing.T) {
	flag := func(v bool) *hcl.Attribute {
		return &hcl.Attribute{Name: "member_weights", Expr: hcl.StaticExpr(cty.BoolVal(v), hcl.Range{})}
	}
	tests := []struct {
		name    string
		allowed *hcl.Attribute
		weight  int
		want    int
	}{
		{"no weight", nil, 0, 0},
		{"a weight", nil, -30, 1},
		{"a weight, and it says no", flag(false), -30, 1},
		{"a weight, and it says yes", flag(true), -30, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := &decoder{src: &source{}}
			c := &vrrp.Config{Name: "web", Track: []vrrp.Tracker{{Source: "script/nginx", Weight: tt.weight}}}
			d.syncWeights(&syncGroup{raw: &rawSyncGroup{MemberWeights: tt.allowed}, name: "vrrp_sync_group \"edge\"", members: []*vrrp.Config{c}})
			if len(d.diags) != tt.want {
				t.Errorf("diagnostics %v, want %d", d.diags, tt.want)
			}
		})
	}
}
