package mark

import (
	"flag"
	"net/netip"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden file instead of comparing with it")

func addrs(first, last string) Range {
	return Range{netip.MustParseAddr(first), netip.MustParseAddr(last)}
}

func everyKind() []Rule {
	return []Rule{
		{Mark: 80, Addresses: []Range{addrs("127.0.0.5", "127.0.0.9"), addrs("127.0.0.7", "127.0.0.12")}, Ports: []PortRange{{80, 80}, {8000, 8010}, {8010, 8020}}, Protocols: []uint8{17, 6, 17},
			Source: Source{Replaced: true}},
		{Mark: 81, Addresses: []Range{addrs("::1", "::1")}, Ports: []PortRange{{1, 65535}}, Protocols: []uint8{17},
			Source: Source{true, addrs("2001:db8::50", "2001:db8::60")}},
		{Mark: 82, Addresses: []Range{addrs("192.0.2.10", "192.0.2.10")}, Ports: []PortRange{{80, 80}}, Protocols: []uint8{6},
			Sources: []Range{addrs("10.0.0.0", "10.255.255.255")}, Interfaces: []string{"eth0", "eth1"}},
		{Service: "single", Mark: 83, Addresses: []Range{addrs("127.0.0.20", "127.0.0.20"), addrs("127.0.0.22", "127.0.0.22")}, Ports: []PortRange{{80, 80}}, Protocols: []uint8{17},
			Source: Source{Replaced: true}},
		{Mark: 84, Addresses: []Range{addrs("127.0.0.20", "127.0.0.21")}, Ports: []PortRange{{80, 81}}, Protocols: []uint8{17}},
	}
}

func TestWhatIsWantedIsLaidOut(t *testing.T) {
	const golden = "testdata/layout.txt"
	got := layoutOf(everyKind()).String()
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("layout (-want +got):\n%s", diff)
	}
}
