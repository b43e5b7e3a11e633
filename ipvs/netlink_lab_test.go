//go:build lab

package ipvs

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// namespace moves the test to a network namespace of its own, with an empty table. The goroutine stays on its thread to the end, and
// the namespace goes with the thread.
func namespace(t *testing.T) *Netlink {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatalf("new network namespace: %v", err)
	}
	// Without a local routing table, which comes with the first address, the kernel takes every address for a broadcast, and
	// refuses it as a destination.
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		t.Fatalf("lo: %v\n%s", err, out)
	}
	n, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.Close()
		// The namespace stays as long as the process where the thread is its first one. Its services must not keep modules in use.
		if out, err := exec.Command("ipvsadm", "-C").CombinedOutput(); err != nil {
			t.Errorf("ipvsadm -C: %v\n%s", err, out)
		}
	})
	return n
}

// ipvsadm runs ipvsadm in the namespace of the test and returns its output.
func ipvsadm(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("ipvsadm", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("ipvsadm %s: %v\n%s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return string(out)
}

func TestNetlinkKeepsTheContract(t *testing.T) { contract(t, namespace(t)) }

// lines of `ipvsadm -Sn`, sorted: the kernel lists services in the order of its hash table.
func saved(t *testing.T) []string {
	t.Helper()
	return slices.Sorted(strings.Lines(ipvsadm(t, "-S", "-n")))
}

func TestNetlinkProgramsWhatIpvsadmWould(t *testing.T) {
	rules := []string{
		"-A -t 192.0.2.10:80 -s wlc\n",
		"-a -t 192.0.2.10:80 -r 10.0.0.1:8080 -m -w 10\n",
		"-a -t 192.0.2.10:80 -r 10.0.0.2:8080 -m -w 0\n",
		"-A -t 192.0.2.10:443 -s sh -p 300 -M 255.255.255.0\n",
		"-a -t 192.0.2.10:443 -r 10.0.0.1:443 -g -w 65535\n",
		"-A -u 192.0.2.10:53 -s rr -p 60\n",
		"-a -u 192.0.2.10:53 -r 10.0.0.1:53 -i -w 1 --tun-type ipip\n",
	}
	n := namespace(t)
	dns := udp("192.0.2.10:53")
	web, tls := tcp("192.0.2.10:80"), tcp("192.0.2.10:443")
	want := table(
		entry(svc(web, "wlc"), nat("10.0.0.1:8080", 10), nat("10.0.0.2:8080", 0)),
		entry(Service{Key: tls, Scheduler: "sh", Persistence: 5 * time.Minute, Netmask: 0xffffff00}, dest("10.0.0.1:443", DR, MaxWeight)),
		entry(Service{Key: dns, Scheduler: "rr", Persistence: time.Minute, Netmask: 0xffffffff}, dest("10.0.0.1:53", TUN, 1)),
	)
	apply(t, n, Diff(nil, want))
	ours := saved(t)
	if d := cmp.Diff(slices.Sorted(slices.Values(rules)), ours); d != "" {
		t.Errorf("ipvsadm -Sn after our changes (-want +got):\n%s", d)
	}

	ipvsadm(t, "-C")
	for _, rule := range rules {
		ipvsadm(t, strings.Fields(rule)...)
	}
	got, err := n.Table()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, asAddress); d != "" {
		t.Errorf("table after ipvsadm's changes (-want +got):\n%s", d)
	}
}

func apply(t *testing.T, k Kernel, ops []Op) {
	t.Helper()
	for i, err := range k.Apply(ops) {
		if err != nil {
			t.Fatalf("%s: %v", ops[i], err)
		}
	}
}

func TestNetlinkSeesFlagsThatIpvsadmSetsAndTakesThemBack(t *testing.T) {
	n := namespace(t)
	ipvsadm(t, "-A", "-t", "192.0.2.10:80", "-s", "sh", "-b", "sh-port")
	have, err := n.Table()
	if err != nil {
		t.Fatal(err)
	}
	want := table(entry(svc(tcp("192.0.2.10:80"), "sh")))
	ops := Diff(have, want)
	if len(ops) != 1 || ops[0].Verb != EditService {
		t.Fatalf("changes %v, want one of the service", lines(ops))
	}
	apply(t, n, ops)
	if got := saved(t); len(got) != 1 || strings.Contains(got[0], "sh-port") {
		t.Errorf("ipvsadm -Sn has %q, want no flag", got)
	}
}

func TestNetlinkReadsServicesOfEveryKind(t *testing.T) {
	n := namespace(t)
	ipvsadm(t, "-A", "-f", "1", "-s", "rr")
	ipvsadm(t, "-a", "-f", "1", "-r", "10.0.0.1:0", "-g")
	ipvsadm(t, "-A", "-t", "[2001:db8::10]:80", "-s", "rr")
	ipvsadm(t, "-A", "--sctp-service", "192.0.2.10:80", "-s", "rr")
	ipvsadm(t, "-A", "-t", "192.0.2.10:80", "-s", "rr")
	ipvsadm(t, "-a", "-t", "192.0.2.10:80", "-r", "[2001:db8::1]:80", "-i")
	got, err := n.Table()
	if err != nil {
		t.Fatal(err)
	}
	web := svc(tcp("192.0.2.10:80"), "rr")
	want := table(
		entry(web, dest("[2001:db8::1]:80", TUN, 1)), entry(svc(Key{Mark: 1, Family: V4}, "rr"), dest("10.0.0.1:0", DR, 1)),
		entry(svc(tcp("[2001:db8::10]:80"), "rr")), entry(svc(Key{Proto: SCTP, Addr: web.Addr}, "rr")),
	)
	if d := cmp.Diff(want, got, asAddress); d != "" {
		t.Errorf("table (-want +got):\n%s", d)
	}
	want[web.Key] = entry(web, nat("10.0.0.1:80", 1))
	apply(t, n, Diff(got, want))
	if out := ipvsadm(t, "-S", "-n"); strings.Contains(out, "-r [2001:db8::1]") || strings.Count(out, "-A ") != 4 {
		t.Errorf("ipvsadm -Sn after the IPv6 server was replaced:\n%s", out)
	}
}

// Each scheduler of the list is one that the kernel has, but for twos, which is not built for user-mode-linux.
func TestNetlinkKnowsEverySchedulerOfTheList(t *testing.T) {
	n := namespace(t)
	for i, name := range Schedulers() {
		s := svc(tcp(netip.AddrPortFrom(netip.MustParseAddr("192.0.2.10"), uint16(1+i)).String()), name)
		err := n.Apply([]Op{{AddService, s, Dest{}}})[0]
		if name == "twos" && errors.Is(err, syscall.ENOENT) {
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNetlinkReadsOneServiceByItself(t *testing.T) {
	n := namespace(t)
	want := entry(svc(tcp("192.0.2.10:80"), "wlc"), nat("10.0.0.1:8080", 10), dest("10.0.0.2:80", DR, 0))
	apply(t, n, Diff(nil, table(want)))
	got, ok, err := n.entry(want.Service.Key)
	if err != nil || !ok {
		t.Fatalf("ok %v, error %v", ok, err)
	}
	if d := cmp.Diff(want, got, asAddress); d != "" {
		t.Errorf("service (-want +got):\n%s", d)
	}
	if _, ok, err := n.entry(udp("192.0.2.10:80")); ok || err != nil {
		t.Errorf("a service that is not there: ok %v, error %v", ok, err)
	}
}

// One batch of nothing but failures is the most that the kernel has to say.
func TestNetlinkReportsEachFailureOfLargeBatches(t *testing.T) {
	n := namespace(t)
	ops := make([]Op, 3*batchSize+1)
	for i := range ops {
		ops[i] = Op{DeleteService, Service{Key: tcp(netip.AddrPortFrom(netip.MustParseAddr("192.0.2.10"), uint16(1+i)).String())}, Dest{}}
	}
	for i, err := range n.Apply(ops) {
		if !errors.Is(err, syscall.ESRCH) {
			t.Fatalf("%s: error %v, want %v", ops[i], err, syscall.ESRCH)
		}
	}
}

// A closed socket stands for all that can go wrong between us and the kernel.
func TestNetlinkWithoutAnswersSaysThatNothingIsConfirmed(t *testing.T) {
	n := namespace(t)
	unix.Close(n.fd)
	ops := []Op{{AddService, svc(tcp("192.0.2.10:80"), "rr"), Dest{}}, {AddService, svc(tcp("192.0.2.10:81"), "rr"), Dest{}}}
	for i, err := range n.Apply(ops) {
		var errno syscall.Errno
		if !errors.Is(err, ErrUnconfirmed) || errors.As(err, &errno) {
			t.Errorf("%s: error %v, want one that is %v and no answer of the kernel", ops[i], err, ErrUnconfirmed)
		}
	}
	if _, err := n.Table(); err == nil {
		t.Error("a table without an error")
	}
	n.fd = -1
}

func TestNetlinkReadGivesUpAtItsDeadline(t *testing.T) {
	n := namespace(t)
	if _, err := n.read(time.Now().Add(20 * time.Millisecond)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error %v, want %v", err, os.ErrDeadlineExceeded)
	}
}

// A Netlink belongs to the namespace it was opened in, wherever the goroutine that uses it runs.
func TestNetlinkStaysInItsNamespace(t *testing.T) {
	n := namespace(t)
	want := table(entry(svc(tcp("192.0.2.10:80"), "rr"), nat("10.0.0.1:80", 1)))
	apply(t, n, Diff(nil, want))
	type result struct {
		t   Table
		err error
	}
	elsewhere := make(chan result)
	go func() {
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err != nil {
			elsewhere <- result{nil, err}
			return
		}
		got, err := n.Table()
		elsewhere <- result{got, err}
	}()
	r := <-elsewhere
	if r.err != nil {
		t.Fatal(r.err)
	}
	if d := cmp.Diff(want, r.t, asAddress); d != "" {
		t.Errorf("table read from another namespace (-want +got):\n%s", d)
	}
}
