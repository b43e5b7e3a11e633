//go:build netns

package mark

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/alone"
)

func TestMain(m *testing.M) { alone.Main(m) }

// patience bounds every wait of these tests; what they wait for takes milliseconds.
const patience = time.Minute

func command(t *testing.T, line string) string {
	t.Helper()
	args := strings.Fields(line)
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return string(out)
}

func ruleset(t *testing.T) string { return command(t, "nft -n -s list ruleset") }

// table returns a Table that is kept until the test ends, and removed then.
func table(t *testing.T, rules ...Rule) *Table {
	t.Helper()
	command(t, "ip link set lo up")
	out := NewTable(slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err := out.Configure(rules); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- out.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := out.Remove(); err != nil {
			t.Error(err)
		}
	})
	return out
}

func send(t *testing.T, to string) {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(to)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
}

// counts returns how many packets each mark was given, once where they leave and once where they come back over lo.
func (t *Table) counts() map[uint32]uint64 {
	out := map[uint32]uint64{}
	for _, m := range t.Status().Marks {
		out[m.Mark] = m.Packets
	}
	return out
}

// Each packet gets the mark of the rule that it fits, which a later chain of somebody else sees, and others get none.
func TestPacketsGetTheirMarks(t *testing.T) {
	command(t, "nft add table inet witness")
	t.Cleanup(func() { command(t, "nft delete table inet witness") })
	command(t, "nft add chain inet witness in { type filter hook input priority 0 ; }")
	for _, mark := range []int{0, 80, 81, 83, 84} {
		command(t, fmt.Sprintf("nft add rule inet witness in meta l4proto udp meta mark %d counter", mark))
	}
	marks := table(t, everyKind()...)
	for _, to := range []string{"127.0.0.5:80", "127.0.0.12:8020", "127.0.0.8:8000", "[::1]:9", "127.0.0.22:80", "127.0.0.20:80", "127.0.0.20:81"} {
		send(t, to)
	}
	for _, to := range []string{"127.0.0.4:80", "127.0.0.13:80", "127.0.0.5:81", "127.0.0.5:8021"} {
		send(t, to)
	}
	// 127.0.0.20:80 is given 83 first, and 84 then.
	if got := marks.counts(); got[80] != 6 || got[81] != 2 || got[82] != 0 || got[83] != 4 || got[84] != 4 {
		t.Errorf("marks were given %v, want 80 six times, 81 twice, 83 and 84 four times", got)
	}
	seen := command(t, "nft -n list table inet witness")
	for _, want := range []string{"0x00000000 counter packets 4", "0x00000050 counter packets 3", "0x00000051 counter packets 1", "0x00000053 counter packets 1", "0x00000054 counter packets 2"} {
		if !strings.Contains(seen, want) {
			t.Errorf("no %q in\n%s", want, seen)
		}
	}
}

// TestMarkTableIsPutBack: what others do to the table is undone, counted, and told.
func TestMarkTableIsPutBack(t *testing.T) {
	marks := table(t, everyKind()...)
	want := ruleset(t)
	for i, damage := range []struct{ command, found string }{
		{"nft delete table inet govrrpd_lvs", "table govrrpd_lvs removed"},
		{"nft flush chain inet govrrpd_lvs prerouting", "the rules of chain prerouting changed"},
		{"nft insert rule inet govrrpd_lvs output accept", "the rules of chain output changed"},
		{"nft flush map inet govrrpd_lvs ranges_ipv4", "set ranges_ipv4 changed"},
		{"nft add element inet govrrpd_lvs addresses_ipv4 { 127.0.0.23 . 17 . 80 : 9 }", "set addresses_ipv4 changed"},
		{"nft flush chain inet govrrpd_lvs postrouting", "the rules of chain postrouting changed"},
		{"nft flush set inet govrrpd_lvs snat_ipv4", "set snat_ipv4 changed"},
		{"nft add chain inet govrrpd_lvs theirs { type filter hook input priority 0 ; }", "chain theirs changed"},
		{"nft add set inet govrrpd_lvs theirs { type mark ; }", "set theirs changed"},
		{"nft flush ruleset", "table govrrpd_lvs removed"},
	} {
		command(t, damage.command)
		alone.Await(t, patience, "the table is as it was after "+damage.command, func() bool { return ruleset(t) == want })
		alone.Await(t, patience, "it is counted", func() bool { return marks.Status().Repaired > i })
		drifts := marks.Status().Drifts
		if last := drifts[len(drifts)-1]; len(drifts) != i+1 || last.Found != damage.found || last.Repaired.IsZero() {
			t.Errorf("%s: told as %+v, want %q", damage.command, drifts, damage.found)
		}
	}
	if got := marks.Status().Repaired; got != 10 {
		t.Errorf("%d repairs, want 10", got)
	}
}

// A table that is as it shall be is left alone by another process that wants the same, and its counters go on.
func TestTableOfAnEarlierProcessIsAdopted(t *testing.T) {
	marks := table(t, everyKind()...)
	send(t, "127.0.0.5:80")
	if err := NewTable(slog.New(slog.DiscardHandler)).Configure(everyKind()); err != nil {
		t.Fatal(err)
	}
	if got := marks.counts()[80]; got != 2 {
		t.Errorf("mark 80 was given %d times, want 2", got)
	}
}

// What is not wanted any more leaves nothing, also of an earlier process.
func TestTableGoesWithItsLastRule(t *testing.T) {
	before := ruleset(t)
	marks := table(t, everyKind()...)
	if ruleset(t) == before {
		t.Fatal("there is no table")
	}
	if err := NewTable(slog.New(slog.DiscardHandler)).Configure(nil); err != nil {
		t.Fatal(err)
	}
	if err := marks.Remove(); err != nil {
		t.Fatal(err)
	}
	if after := ruleset(t); after != before {
		t.Errorf("what is left is\n%s", after)
	}
}

// A set may be larger than one message of netlink.
func TestManyElements(t *testing.T) {
	r := Rule{Mark: 7, Ports: []PortRange{{80, 80}}, Protocols: []uint8{6}}
	for i := range 5000 {
		a := netip.AddrFrom16([16]byte{0: 0x20, 1: 1, 13: byte(i >> 8), 14: byte(i)})
		r.Addresses = append(r.Addresses, Range{a, a})
	}
	marks := table(t, r)
	marks.mu.Lock()
	defer marks.mu.Unlock()
	if err := marks.check(true); err != nil || marks.repaired != 0 {
		t.Errorf("%d repairs of what was just made (%v)", marks.repaired, err)
	}
}

// Ten thousand services take a rule in each chain, and what nobody changed is not read again.
func TestTenThousandServicesAreOneRule(t *testing.T) {
	command(t, "ip link set lo up")
	marks := NewTable(slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err := marks.Configure(services(10_000)); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := marks.Remove(); err != nil {
			t.Error(err)
		}
	}()
	if n := strings.Count(command(t, "nft list chain inet govrrpd_lvs prerouting")+command(t, "nft list chain inet govrrpd_lvs postrouting"), "meta mark"); n != 2 {
		t.Errorf("%d rules, want 2", n)
	}
	marks.look()
	if marks.checked == 0 || marks.repaired != 0 {
		t.Errorf("generation %d, %d repairs of what was just made", marks.checked, marks.repaired)
	}
	send(t, "127.0.7.5:80")
	if got := marks.counts()[uint32(1+7<<8+5)]; got != 2 {
		t.Errorf("a mark was given %d times, want 2", got)
	}
}
