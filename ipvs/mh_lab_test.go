//go:build lab

package ipvs

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// chosenSources is how many clients each table is asked for.
const chosenSources = 10_000

// source is client i of a family. Those of IPv6 differ in two of the words that are folded.
func source(f Family, i int) netip.Addr {
	if f == V6 {
		a := netip.MustParseAddr("2001:db8:9::").As16()
		binary.BigEndian.PutUint16(a[6:], uint16(i>>3))
		binary.BigEndian.PutUint32(a[12:], uint32(i)+1)
		return netip.AddrFrom16(a)
	}
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 0x0a090000+uint32(i)+1)
	return netip.AddrFrom4(b)
}

// chosen sends a packet of each source to service, a UDP one of this namespace, and returns where the kernel sent it. All come from port sourcePort.
func chosen(t *testing.T, service netip.AddrPort) map[netip.Addr]string {
	t.Helper()
	conn, err := net.ListenPacket("udp", net.JoinHostPort(anywhere(service).String(), strconv.Itoa(sourcePort)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	to, send4, send6 := net.UDPAddrFromAddrPort(service), ipv4.NewPacketConn(conn), ipv6.NewPacketConn(conn)
	for i := range chosenSources {
		src := source(familyOf(service.Addr()), i).AsSlice()
		if service.Addr().Is6() {
			_, _ = send6.WriteTo([]byte("x"), &ipv6.ControlMessage{Src: src}, to)
			continue
		}
		_, _ = send4.WriteTo([]byte("x"), &ipv4.ControlMessage{Src: src}, to) // one that is refused has no connection, which is the answer
	}
	text, err := os.ReadFile("/proc/thread-self/net/ip_vs_conn")
	if err != nil {
		t.Fatal(err)
	}
	got := map[netip.Addr]string{}
	for _, c := range ParseConns(string(text)) {
		if c.Proto != UDP || c.Service != service || c.Client.Port() != sourcePort {
			t.Fatalf("a connection %+v, which nobody made", c)
		}
		got[c.Client.Addr()] = c.Server.Addr().String()
	}
	return got
}

// anywhere is every address of the family of a service.
func anywhere(service netip.AddrPort) netip.Addr {
	if service.Addr().Is6() {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

// sourcePort is that of all clients.
const sourcePort = 4312

// modelled returns where the model sends each source.
func modelled(t *testing.T, e Entry, last map[netip.AddrPort]int, dst netip.Addr) map[netip.Addr]string {
	t.Helper()
	c, ok := NewChooser(e, last)
	if !ok {
		t.Fatalf("no model of %s", e.Service)
	}
	want := map[netip.Addr]string{}
	for i := range chosenSources {
		src := source(familyOf(dst), i)
		if d, ok := c.Choose(netip.AddrPortFrom(src, sourcePort), dst); ok {
			want[src] = d.Addr.Addr().String()
		}
	}
	return want
}

// hashed is a namespace in which packets of all sources, and to all servers, stay.
func hashed(t *testing.T) *Netlink {
	t.Helper()
	n := namespace(t)
	for _, args := range []string{
		"addr add 192.0.2.10/32 dev lo", "route add local 10.0.0.0/24 dev lo", "route add local 10.9.0.0/16 dev lo",
		"addr add 2001:db8::10/128 dev lo", "route add local 2001:db8:1::/48 dev lo", "route add local 2001:db8:9::/48 dev lo",
	} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v\n%s", args, err, out)
		}
	}
	if err := os.WriteFile("/proc/sys/net/ipv6/ip_nonlocal_bind", []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	return n
}

// differ returns how many sources the two send elsewhere.
func differ(a, b map[netip.Addr]string) int {
	n := 0
	for _, f := range []Family{V4, V6} {
		for i := range chosenSources {
			if src := source(f, i); a[src] != b[src] {
				n++
			}
		}
	}
	return n
}

// modelledServices has the services whose choices are modelled, with the address of their servers.
func modelledServices() map[string]string {
	return map[string]string{"192.0.2.10:80": "10.0.0.%d:80", "[2001:db8::10]:80": "[2001:db8:1::%x:0:7]:80"}
}

func TestModelChoosesWhatTheKernelDoes(t *testing.T) {
	add := func(server, weight int) string { return fmt.Sprintf("-a %d -g -w %d", server, weight) }
	edit := func(server, weight int) string { return fmt.Sprintf("-e %d -g -w %d", server, weight) }
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
		for service, server := range modelledServices() {
			t.Run(tt.name+" "+service, func(t *testing.T) {
				n, last := hashed(t), map[netip.AddrPort]int{}
				ipvsadm(t, strings.Fields("-A -u "+service+" -s "+tt.scheduler)...)
				for _, line := range tt.history {
					var verb string
					var i, weight int
					if _, err := fmt.Sscanf(line, "%s %d -g -w %d", &verb, &i, &weight); err != nil {
						t.Fatal(err)
					}
					addr := fmt.Sprintf(server, i)
					ipvsadm(t, verb, "-u", service, "-r", addr, "-g", "-w", strconv.Itoa(weight))
					if weight > 0 {
						last[netip.MustParseAddrPort(addr)] = weight
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
	if got := digest(choices[0]); got != elsewhere {
		t.Errorf("the choices have the digest %s, and on other machines %s", got, elsewhere)
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

// elsewhere is the digest of the choices that other machines made, with Linux 6.1 and 6.12: two directors need not run the same kernel.
const elsewhere = "ab33bdd52373527e"

// digest sums up where all clients go.
func digest(choice map[netip.Addr]string) string {
	sum := sha256.New()
	for i := range chosenSources {
		fmt.Fprintln(sum, source(V4, i), choice[source(V4, i)])
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
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
