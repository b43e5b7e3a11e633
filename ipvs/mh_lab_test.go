//go:build lab

package ipvs

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
)

// chosenSources is how many clients each table is asked for.
const chosenSources = 10_000

// source is client i.
func source(i int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 0x0a090000+uint32(i)+1)
	return netip.AddrFrom4(b)
}

// chosen sends a packet of each source to service, a UDP one of this namespace, and returns where the kernel sent it. All come from port sourcePort.
func chosen(t *testing.T, service netip.AddrPort) map[netip.Addr]string {
	t.Helper()
	conn, err := net.ListenPacket("udp4", fmt.Sprintf(":%d", sourcePort))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	p := ipv4.NewPacketConn(conn)
	to := net.UDPAddrFromAddrPort(service)
	for i := range chosenSources {
		_, _ = p.WriteTo([]byte("x"), &ipv4.ControlMessage{Src: source(i).AsSlice()}, to) // one that is refused has no connection, which is the answer
	}
	text, err := os.ReadFile("/proc/thread-self/net/ip_vs_conn")
	if err != nil {
		t.Fatal(err)
	}
	got := map[netip.Addr]string{}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) < 7 || words[0] != "UDP" {
			continue
		}
		from, errFrom := hexAddr(words[1])
		server, errTo := hexAddr(words[5])
		if errFrom != nil || errTo != nil {
			t.Fatalf("connection %q: %v, %v", line, errFrom, errTo)
		}
		got[from] = server.String()
	}
	return got
}

// sourcePort is that of all clients.
const sourcePort = 4312

func hexAddr(s string) (netip.Addr, error) {
	var n uint32
	if _, err := fmt.Sscanf(s, "%08X", &n); err != nil {
		return netip.Addr{}, err
	}
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return netip.AddrFrom4(b), nil
}

// modelled returns where the model sends each source.
func modelled(t *testing.T, e Entry, last map[netip.AddrPort]int, dst netip.Addr) map[netip.Addr]string {
	t.Helper()
	c, ok := NewChooser(e, last)
	if !ok {
		t.Fatalf("no model of %s", e.Service)
	}
	want := map[netip.Addr]string{}
	for i := range chosenSources {
		if d, ok := c.Choose(netip.AddrPortFrom(source(i), sourcePort), dst); ok {
			want[source(i)] = d.Addr.Addr().String()
		}
	}
	return want
}

// hashed is a namespace in which packets of all sources, and to all servers, stay.
func hashed(t *testing.T) *Netlink {
	t.Helper()
	n := namespace(t)
	for _, args := range []string{"addr add 192.0.2.10/32 dev lo", "route add local 10.0.0.0/24 dev lo", "route add local 10.9.0.0/16 dev lo"} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v\n%s", args, err, out)
		}
	}
	return n
}

// differ returns how many sources the two send elsewhere.
func differ(a, b map[netip.Addr]string) int {
	n := 0
	for i := range chosenSources {
		if a[source(i)] != b[source(i)] {
			n++
		}
	}
	return n
}

func TestModelChoosesWhatTheKernelDoes(t *testing.T) {
	const service = "192.0.2.10:80"
	add := func(server, weight int) string {
		return fmt.Sprintf("-a -u %s -r 10.0.0.%d:80 -g -w %d", service, server, weight)
	}
	edit := func(server, weight int) string { return "-e" + add(server, weight)[2:] }
	simple := []string{add(1, 3), add(2, 2), add(3, 1)}
	for _, tt := range []struct {
		name, scheduler string
		history         []string
	}{
		{"mh", "mh", simple},
		{"mh with large weights and one that went", "mh", []string{add(3, 1), add(1, 130), add(2, 97), edit(1, 0)}},
		{"mh with its flags", "mh -b mh-fallback,mh-port", []string{add(3, 1), add(1, 3), add(2, 2), edit(1, 0)}},
		{"sh", "sh", simple},
		{"sh with its flags", "sh -b sh-fallback,sh-port", []string{add(3, 10), add(1, 3), add(2, 2), edit(1, 0)}},
		{"dh", "dh", []string{add(3, 10), add(1, 3), add(2, 2)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := hashed(t)
			last := map[netip.AddrPort]int{}
			ipvsadm(t, strings.Fields("-A -u "+service+" -s "+tt.scheduler)...)
			for _, line := range tt.history {
				words := strings.Fields(line)
				ipvsadm(t, words...)
				var weight int
				if _, err := fmt.Sscan(words[len(words)-1], &weight); err != nil {
					t.Fatal(err)
				}
				if weight > 0 {
					last[netip.MustParseAddrPort(words[4])] = weight
				}
			}
			table, err := n.Table()
			if err != nil {
				t.Fatal(err)
			}
			at := netip.MustParseAddrPort(service)
			got, want := chosen(t, at), modelled(t, table[Key{Proto: UDP, Addr: at}], last, at.Addr())
			if d := differ(want, got); d > 0 || len(got) < chosenSources/3 {
				t.Errorf("of %d sources %d go elsewhere than the model says; the kernel has %d connections", chosenSources, d, len(got))
			}
		})
	}
}

// maglev is a service with three servers, and the verdicts on them.
func maglev(servers ...int) VirtualServer {
	v := VirtualServer{Name: "shop", Keys: []Key{udp("192.0.2.10:80")}, Service: Service{Scheduler: "mh", Flags: flagFallback}, Forward: DR}
	for _, i := range servers {
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 80)
		v.Servers = append(v.Servers, RealServer{Addr: addr, Forward: DR, Weight: 4 - i})
	}
	return v
}

// lived is what a director does in a life: it is configured with servers, and hears that they are well or not.
type lived struct {
	servers []int
	down    []int // of servers; the others are up
}

func TestDirectorsWithDifferentPastsChooseTheSameServers(t *testing.T) {
	var choices []map[netip.Addr]string
	for _, life := range [][]lived{
		{{servers: []int{1, 2, 3}}},
		{{servers: []int{1, 2, 3}, down: []int{2}}, {servers: []int{1, 2, 3}}}, // down when it started, and added at weight 0
		{{servers: []int{1, 2, 3}}, {servers: []int{1, 2, 3}, down: []int{1, 3}}, {servers: []int{1, 2, 3}}},
		{{servers: []int{3}}, {servers: []int{1, 3}}, {servers: []int{1, 2, 3}}}, // grew
	} {
		choices = append(choices, choiceAfter(t, life))
	}
	late := choiceAfter(t, []lived{{servers: []int{1, 2, 3}, down: []int{2}}})
	early := choiceAfter(t, []lived{{servers: []int{1, 2, 3}}, {servers: []int{1, 2, 3}, down: []int{2}}})
	for i, other := range choices[1:] {
		if d := differ(choices[0], other); d > 0 {
			t.Errorf("life %d sends %d of %d clients elsewhere", i+1, d, chosenSources)
		}
	}
	if d := differ(late, early); d > 0 || len(late) != chosenSources {
		t.Errorf("a server that was down from the start moves %d of %d clients, and %d are served", d, chosenSources, len(late))
	}
}

// choiceAfter returns what the table of a director chooses at the end of a life, in a namespace of its own.
func choiceAfter(t *testing.T, life []lived) (got map[netip.Addr]string) {
	t.Helper()
	t.Run(fmt.Sprint(life), func(t *testing.T) {
		n, now := hashed(t), time.Now()
		r := newReconciler(n, slog.New(slog.DiscardHandler), Options{Refresh: time.Second})
		for _, l := range life {
			v := maglev(l.servers...)
			verdicts := Health{}
			for i, s := range v.Servers {
				condition := Up
				if slices.Contains(l.down, l.servers[i]) {
					condition = Down
				}
				verdicts[ServerID{v.Name, s.Addr}] = Verdict{Condition: condition}
			}
			r.step(now, inbox{configured: true, wanted: []VirtualServer{v}, verdicts: verdicts})
			for range 2 { // a read that finds what may be put in order, and what is left to do
				now = now.Add(time.Second)
				r.step(now, inbox{})
			}
		}
		got = chosen(t, maglev().Keys[0].Addr)
	})
	return got
}
