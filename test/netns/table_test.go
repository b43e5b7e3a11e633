package netns

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestIPVSTableIsRead(t *testing.T) {
	const text = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  C000020A:0050 wrr  
  -> 0A00000B:1F90      Masq    3      0          12        
  -> 0A00000C:1F90      Masq    0      0          0         
UDP  C000020A:0035 rr  
FWM  00000001 rr  
  -> 0A00000D:0000      Route   1      0          0         
`
	addr := netip.MustParseAddrPort
	want := map[netip.AddrPort]Weights{
		addr("192.0.2.10:80"): {addr("10.0.0.11:8080"): 3, addr("10.0.0.12:8080"): 0},
		addr("192.0.2.10:53"): {},
	}
	got, err := parseIPVS(text)
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.AddrPort{})); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}
