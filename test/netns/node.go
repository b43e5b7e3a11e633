package netns

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// A Node is one machine of a World: a network namespace and a thread that lives in it. Processes are started from that thread,
// so that they end with it if we are killed.
type Node struct {
	Name      string
	Namespace string // as `ip netns exec` wants it

	w       *World
	ns      netns.NsHandle
	nl      *netlink.Handle
	tasks   chan func()
	ended   chan struct{} // closed when the thread has ended
	procs   []*Process
	cables  map[string]*netlink.LinkAttrs // by interface; those whose index and hardware address somebody asked for
	closers []func()
	runs    atomic.Int32 // index of an interface of which the addresses count only while it runs; 0 for none
}

// Node makes a namespace with its loopback up.
func (w *World) Node(name string) *Node {
	w.t.Helper()
	n := &Node{
		Name: name, Namespace: w.prefix + "-" + name, w: w, ns: netns.None(),
		tasks: make(chan func()), ended: make(chan struct{}), cables: map[string]*netlink.LinkAttrs{},
	}
	made := make(chan error)
	go n.live(made)
	w.must(<-made, "make namespace %s", n.Namespace)
	w.nodes = append(w.nodes, n)
	nl, err := netlink.NewHandleAt(n.ns, unix.NETLINK_ROUTE)
	w.must(err, "netlink in %s", name)
	n.nl = nl
	n.up("lo")
	return n
}

// live is the node's thread. It is never unlocked: a thread that has been in a namespace ends with its goroutine.
func (n *Node) live(made chan<- error) {
	defer close(n.ended)
	runtime.LockOSThread()
	ns, err := netns.NewNamed(n.Namespace)
	n.ns = ns
	made <- err
	if err != nil {
		return
	}
	for task := range n.tasks {
		task()
	}
}

// Do runs f on a thread in the node's namespace and waits for it. f must be short: one at a time runs in a node. Any goroutine may
// call it.
func (n *Node) Do(f func() error) error {
	result := make(chan error, 1)
	n.tasks <- func() { result <- f() }
	return <-result
}

// within runs f in the node's namespace on a thread of its own, for calls that may take long. Any goroutine may call it.
func (n *Node) within(f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := netns.Get()
		if err == nil {
			err = netns.Set(n.ns)
		}
		if err != nil {
			result <- err
			return
		}
		err = f()
		if back := errors.Join(netns.Set(home), home.Close()); back == nil {
			runtime.UnlockOSThread() // otherwise the thread ends with this goroutine
		}
		result <- err
	}()
	return <-result
}

func (n *Node) close() error {
	for _, c := range n.closers {
		c()
	}
	errs := []error{killAllIn(n.ns)}
	for _, p := range n.procs {
		<-p.ended
	}
	close(n.tasks)
	<-n.ended
	return errors.Join(append(errs, closeAll(n.nl, n.ns), netns.DeleteNamed(n.Namespace))...)
}

// Crash kills every process on the node, as a fault of the machine would. The kernel stays: addresses and routes are left as they
// are, and so is the carrier.
func (n *Node) Crash() {
	n.w.t.Helper()
	n.w.must(killAllIn(n.ns), "%s: crash", n.Name)
}

// killAllIn ends every process in a namespace that we made: also those that outlive the one we started.
func killAllIn(ns netns.NsHandle) error {
	for range 10 { // a process may be forking while we look
		pids, err := processesIn(ns)
		if err != nil || len(pids) == 0 {
			return err
		}
		slices.Sort(pids)
		for _, pid := range slices.Backward(pids) { // children first: they may have last words when their parent dies
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return err
			}
		}
		runtime.Gosched()
	}
	return nil
}

// processesIn returns the processes of which the main thread is in the namespace, but for ourselves and the dead.
func processesIn(ns netns.NsHandle) ([]int, error) {
	var want unix.Stat_t
	if err := unix.Fstat(int(ns), &want); err != nil {
		return nil, err
	}
	folders, err := filepath.Glob("/proc/[0-9]*")
	var pids []int
	for _, folder := range folders {
		var got unix.Stat_t
		var pid int
		if unix.Stat(folder+"/ns/net", &got) != nil || got.Ino != want.Ino {
			continue // another namespace, or gone, or a zombie
		}
		if _, err := fmt.Sscanf(filepath.Base(folder), "%d", &pid); err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids, err
}

// Sysctl writes one setting, named with dots or slashes: "net.ipv4.ip_forward".
func (n *Node) Sysctl(name, value string) {
	n.w.t.Helper()
	path := "/proc/sys/" + strings.ReplaceAll(name, ".", "/")
	n.w.must(n.Do(func() error { return os.WriteFile(path, []byte(value), 0o644) }), "%s: sysctl", n.Name)
}

// ReadNet returns a file of /proc/net as the node sees it: "ip_vs", "snmp". Any goroutine may call it.
//
// It reads in one go what fits: at the border between two reads the kernel's ip_vs file loses services, when other namespaces have
// some too (Linux 6.1: the position counts theirs in one place and not in the other).
func (n *Node) ReadNet(file string) (string, error) {
	var text []byte
	err := n.Do(func() error {
		f, err := os.Open("/proc/thread-self/net/" + file)
		if err != nil {
			return err
		}
		defer f.Close()
		buf := make([]byte, 64<<10)
		for {
			got, err := f.Read(buf)
			text = append(text, buf[:got]...)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
		}
	})
	return string(text), err
}

func (n *Node) link(name string) netlink.Link {
	n.w.t.Helper()
	l, err := n.nl.LinkByName(name)
	n.w.must(err, "%s: interface %s", n.Name, name)
	return l
}

func (n *Node) up(name string) {
	n.w.t.Helper()
	n.w.must(n.nl.LinkSetUp(n.link(name)), "%s: set %s up", n.Name, name)
}

// AddAddress puts an address with its prefix length on an interface. An IPv6 one can be used at once: it skips duplicate address detection.
func (n *Node) AddAddress(link, prefix string) {
	n.w.t.Helper()
	addr, err := netlink.ParseAddr(prefix)
	n.w.must(err, "%s: address %s", n.Name, prefix)
	addr.Label = ""
	if addr.IP.To4() == nil {
		addr.Flags |= unix.IFA_F_NODAD
	}
	n.w.must(n.nl.AddrAdd(n.link(link), addr), "%s: add %s to %s", n.Name, prefix, link)
	n.up(link)
}

// Route adds a route to the main table, or to another for traffic from a prefix (from not empty).
func (n *Node) Route(to, via, link string) { n.RouteIn(unix.RT_TABLE_MAIN, to, via, link) }

// RouteIn adds a route to a table; via may be empty for a prefix on the link.
func (n *Node) RouteIn(table int, to, via, link string) {
	n.w.t.Helper()
	_, dst, err := net.ParseCIDR(to)
	n.w.must(err, "%s: route %s", n.Name, to)
	r := &netlink.Route{LinkIndex: n.link(link).Attrs().Index, Dst: dst, Gw: net.ParseIP(via), Table: table}
	if via == "" {
		r.Scope = netlink.SCOPE_LINK
	}
	n.w.must(n.nl.RouteAdd(r), "%s: route %s via %s", n.Name, to, via)
}

// RuleFrom sends what comes from a prefix to a routing table.
func (n *Node) RuleFrom(prefix string, table int) {
	n.w.t.Helper()
	_, src, err := net.ParseCIDR(prefix)
	n.w.must(err, "%s: rule from %s", n.Name, prefix)
	rule := netlink.NewRule()
	rule.Src, rule.Table, rule.Family = src, table, netlink.FAMILY_V4
	if src.IP.To4() == nil {
		rule.Family = netlink.FAMILY_V6
	}
	n.w.must(n.nl.RuleAdd(rule), "%s: rule from %s", n.Name, prefix)
}

// Has tells whether the node holds addr on any interface at this moment. Any goroutine may call it.
func (n *Node) Has(addr netip.Addr) bool {
	list, err := whole(func() ([]netlink.Addr, error) { return n.nl.AddrList(nil, familyOf(addr)) })
	if err != nil {
		return false
	}
	for _, a := range list {
		if got, ok := netip.AddrFromSlice(a.IP); ok && got.Unmap() == addr {
			return int32(a.LinkIndex) != n.runs.Load() || n.running(a.LinkIndex)
		}
	}
	return false
}

// whole asks the kernel for a list until nothing changes while it answers: what an interrupted list lacks may have been there all the time.
func whole[T any](list func() ([]T, error)) ([]T, error) {
	for {
		if got, err := list(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			return got, err
		}
	}
}

// familyOf returns the family of addr as netlink numbers it.
func familyOf(addr netip.Addr) int {
	if addr.Is6() {
		return netlink.FAMILY_V6
	}
	return netlink.FAMILY_V4
}

// Addresses returns how many IPv4 addresses the node has, that of its loopback aside.
func (n *Node) Addresses() int {
	list, err := whole(func() ([]netlink.Addr, error) { return n.nl.AddrList(nil, netlink.FAMILY_V4) })
	if err != nil {
		return 0
	}
	return len(slices.DeleteFunc(list, func(a netlink.Addr) bool { return a.IP.IsLoopback() }))
}

// running tells whether an interface is up and has a carrier.
func (n *Node) running(index int) bool {
	l, err := n.nl.LinkByIndex(index)
	return err == nil && l.Attrs().RawFlags&unix.IFF_RUNNING != 0
}

// MAC returns the hardware address of an interface.
func (n *Node) MAC(link string) net.HardwareAddr { return n.attached(link).HardwareAddr }

// attached returns an interface as it was when its cable was laid; what is asked often must not cost the tested ones much time.
func (n *Node) attached(link string) *netlink.LinkAttrs {
	n.w.t.Helper()
	if n.cables[link] == nil {
		n.cables[link] = n.link(link).Attrs()
	}
	return n.cables[link]
}

// Neighbor returns the hardware address that the node would send to for addr on link; nil when it would have to ask first.
func (n *Node) Neighbor(link string, addr netip.Addr) net.HardwareAddr {
	n.w.t.Helper()
	list, err := whole(func() ([]netlink.Neigh, error) { return n.nl.NeighList(n.attached(link).Index, familyOf(addr)) })
	n.w.must(err, "%s: neighbours", n.Name)
	const usable = netlink.NUD_REACHABLE | netlink.NUD_STALE | netlink.NUD_DELAY | netlink.NUD_PROBE | netlink.NUD_PERMANENT
	for _, e := range list {
		if e.IP.Equal(addr.AsSlice()) && e.State&usable != 0 {
			return e.HardwareAddr
		}
	}
	return nil
}

// Run runs a program in the node to its end and returns what it printed, both streams together, and whether it went well.
func (n *Node) Run(argv ...string) (string, error) {
	var out bytes.Buffer
	cmd := n.command(n.w.t.Context(), argv)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := n.Do(cmd.Start); err != nil {
		return "", err
	}
	err := cmd.Wait()
	return out.String(), err
}

// MustRun is Run for programs that have to succeed.
func (n *Node) MustRun(argv ...string) string {
	n.w.t.Helper()
	out, err := n.Run(argv...)
	n.w.must(err, "%s: %s\n%s", n.Name, strings.Join(argv, " "), out)
	return out
}

// stopLimit is how long a process may take to end after it was asked to.
const stopLimit = 10 * time.Second
