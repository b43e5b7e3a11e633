//go:build netns

package kernel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/test/alone"
	"github.com/govrrpd/govrrpd/vrrp"
)

func TestMain(m *testing.M) { alone.Main(m) }

// patience bounds every wait of these tests; what they wait for takes milliseconds.
const patience = time.Minute

// eventually waits until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	alone.Await(t, patience, what, cond)
}

// A lan is a cable between the namespace of the tests and a peer's.
//
//	test process ── near ═══ far ── peer
type lan struct {
	t    *testing.T
	near string // name of our end
	far  string
	peer *netlink.Handle // the peer's links and addresses
	ns   netns.NsHandle
}

// newLAN makes the cable: up, with no address.
func newLAN(t *testing.T) *lan {
	t.Helper()
	l := &lan{t: t, near: unusedName(t), far: "far0", ns: newNamespace(t)}
	var err error
	if l.peer, err = netlink.NewHandleAt(l.ns, unix.NETLINK_ROUTE); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.peer.Close)
	l.plug()
	t.Cleanup(l.unplug)
	return l
}

// unusedName returns a name for an interface that this process has not used.
func unusedName(t *testing.T) string {
	t.Helper()
	for i := range 1000 {
		name := fmt.Sprintf("gv%d", i)
		if _, err := netlink.LinkByName(name); err != nil {
			return name
		}
	}
	t.Fatal("no free name for an interface")
	return ""
}

// newNamespace makes a namespace that lives as long as the test.
func newNamespace(t *testing.T) netns.NsHandle {
	t.Helper()
	var ns netns.NsHandle
	inThread(t, func() (err error) {
		ns, err = netns.New()
		return err
	})
	t.Cleanup(func() { ns.Close() })
	return ns
}

// inThread runs f on a thread that is thrown away afterwards.
func inThread(t *testing.T, f func() error) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread ends with the goroutine
		done <- f()
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// plug makes both ends.
func (l *lan) plug() {
	l.t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = l.near
	must(l.t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: l.far, PeerNamespace: netlink.NsFd(l.ns)}))
	l.setNear(true)
	l.setFar(true)
	eventually(l.t, "the cable carries", func() bool { return l.nearLink().Attrs().OperState == netlink.OperUp })
}

// unplug removes both ends.
func (l *lan) unplug() {
	if link, err := netlink.LinkByName(l.near); err == nil {
		if err := netlink.LinkDel(link); err != nil {
			l.t.Error(err)
		}
	}
}

func (l *lan) nearLink() netlink.Link {
	l.t.Helper()
	link, err := netlink.LinkByName(l.near)
	must(l.t, err)
	return link
}

func (l *lan) setNear(up bool) {
	l.t.Helper()
	set := netlink.LinkSetDown
	if up {
		set = netlink.LinkSetUp
	}
	must(l.t, set(l.nearLink()))
}

// setFar pulls the cable or plugs it in, as our end sees it.
func (l *lan) setFar(up bool) {
	l.t.Helper()
	link, err := l.peer.LinkByName(l.far)
	must(l.t, err)
	set := l.peer.LinkSetDown
	if up {
		set = l.peer.LinkSetUp
	}
	must(l.t, set(link))
}

// address gives our end an address as an administrator does.
func (l *lan) address(prefix string) {
	l.t.Helper()
	addr, err := netlink.ParseAddr(prefix)
	must(l.t, err)
	must(l.t, netlink.AddrAdd(l.nearLink(), addr))
}

// unaddress removes an address of our end.
func (l *lan) unaddress(prefix string) {
	l.t.Helper()
	addr, err := netlink.ParseAddr(prefix)
	must(l.t, err)
	must(l.t, netlink.AddrDel(l.nearLink(), addr))
}

// farAddress gives the peer an address.
func (l *lan) farAddress(prefix string) {
	l.t.Helper()
	addr, err := netlink.ParseAddr(prefix)
	must(l.t, err)
	link, err := l.peer.LinkByName(l.far)
	must(l.t, err)
	must(l.t, l.peer.AddrAdd(link, addr))
}

// addressesOn returns the addresses of one of our interfaces, without those that IPv6 gives itself.
func addressesOn(t *testing.T, name string) []string {
	t.Helper()
	link, err := netlink.LinkByName(name)
	must(t, err)
	list, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	for errors.Is(err, netlink.ErrDumpInterrupted) {
		list, err = netlink.AddrList(link, netlink.FAMILY_ALL)
	}
	must(t, err)
	out := []string{}
	for _, a := range list {
		if !a.IP.IsLinkLocalUnicast() {
			out = append(out, a.IPNet.String())
		}
	}
	slices.Sort(out)
	return out
}

func (l *lan) addresses() []string { l.t.Helper(); return addressesOn(l.t, l.near) }

// withoutPrivileges runs f on a thread that has no capabilities.
func withoutPrivileges(t *testing.T, f func()) {
	t.Helper()
	inThread(t, func() error {
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&header, &none[0]); err != nil {
			return err
		}
		f()
		return nil
	})
}

// A recorder is a Listener that remembers.
type recorder struct {
	mu       sync.Mutex
	adverts  []vrrp.Advert
	verdicts map[string]string
	source   netip.Addr
	sources  int // how often SetSource was called
	losses   []vrrp.Loss
}

func newRecorder() *recorder { return &recorder{verdicts: map[string]string{}} }

func (r *recorder) Receive(a vrrp.Advert) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.adverts = append(r.adverts, a)
	return true
}

func (r *recorder) Track(source string, v vrrp.Verdict) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.verdicts[source] = v.Fault
}

func (r *recorder) Lost(l vrrp.Loss) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.losses = append(r.losses, l)
}

func (r *recorder) SetSource(a netip.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.source = a
	r.sources++
}

func (r *recorder) heard() []vrrp.Advert {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.adverts)
}

// fault returns the newest verdict of source, and "unknown" when there is none.
func (r *recorder) fault(source string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f, ok := r.verdicts[source]; ok {
		return f
	}
	return "unknown"
}

func (r *recorder) primary() netip.Addr {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.source
}

// newHost returns a host that logs to the test and has put everything back at its end.
func newHost(t *testing.T) *Host {
	t.Helper()
	h := NewHost(slog.New(slog.NewTextHandler(t.Output(), nil)))
	t.Cleanup(func() {
		for _, r := range h.attached() {
			h.Detach(r.config.Name)
		}
		h.ledger.close()
	})
	return h
}

// run runs h until the test ends.
func run(t *testing.T, h *Host) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	eventually(t, "Run has started", func() bool {
		h.admin.Lock()
		defer h.admin.Unlock()
		return h.started != nil
	})
}

// config returns a router on the lan with the given virtual addresses.
func (l *lan) config(name string, vrid uint8, addrs ...string) *vrrp.Config {
	c := &vrrp.Config{Name: name, Interface: l.near, VRID: vrid, Version: vrrp.V3, Priority: 100, AdvertInterval: time.Second}
	for _, a := range addrs {
		c.Addresses = append(c.Addresses, vrrp.Address{Prefix: netip.MustParsePrefix(a)})
	}
	return c
}

// on returns the status of the lan's interface.
func (l *lan) on(h *Host) Interface {
	for _, i := range h.Status().Interfaces {
		if i.Name == l.near {
			return i
		}
	}
	return Interface{}
}
