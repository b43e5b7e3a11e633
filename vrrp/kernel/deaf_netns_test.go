//go:build netns

package kernel

import (
	"context"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/govrrpd/govrrpd/vrrp"
)

// The kernel ends IPv6 below an MTU of 1280 bytes, and forgets which groups our socket is a member of.
func TestIPv6IsHeardAgainAfterAnMTUWithoutIt(t *testing.T) {
	for _, quick := range []bool{false, true} {
		l := newLAN(t)
		l.linkLocal(sourceAddr6)
		h, r := newHost(t), newRecorder()
		must(t, h.Attach(l.config6("web"), r))
		run(t, h)
		if quick { // and the watcher hears of both changes at once
			h.admin.Lock()
		}
		must(t, netlink.LinkSetMTU(l.nearLink(), 1279))
		if !quick {
			eventually(t, "the router has no source", func() bool { return r.fault("source") != "" })
		}
		must(t, netlink.LinkSetMTU(l.nearLink(), 1500))
		if quick {
			h.admin.Unlock()
		}
		l.linkLocal(sourceAddr6)
		eventually(t, "adverts are heard again", func() bool {
			l.inject(groupMAC6, ipv6Packet("fe80::2", "ff02::12", testAdvert6(), nil))
			return len(r.heard()) > 0
		})
	}
}

// An interface that is moved to another namespace and back, or made anew, may have the index that it had.
func TestSuccessorWithTheSameIndexIsHeard(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	h, r := newHost(t), newRecorder()
	must(t, h.Attach(l.config("web", 51, "192.0.2.10/24"), r))
	run(t, h)
	h.admin.Lock() // the watcher hears of both changes at once
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.Index = l.near, l.nearLink().Attrs().Index
	l.unplug()
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: l.far, PeerNamespace: netlink.NsFd(l.ns)}))
	l.setNear(true)
	l.setFar(true)
	h.admin.Unlock()
	l.address("192.0.2.1/24")
	eventually(t, "adverts are heard again", func() bool {
		l.inject(groupMAC, advertFrom("192.0.2.2", "224.0.0.18", testAdvert(), nil))
		return len(r.heard()) > 0
	})
}

// A tap that is not read for a moment keeps as much as other sockets do.
func TestTapHoldsManyAdverts(t *testing.T) {
	const adverts = 2000
	l := newLAN(t)
	tap, err := openTap(l.nearLink().Attrs().Index, vrrp.Group4)
	must(t, err)
	packets := make([][]byte, adverts)
	for i := range packets {
		packets[i] = advertFrom("192.0.2.2", "224.0.0.18", testAdvert(), nil)
	}
	l.inject(groupMAC, packets...)
	p := newPort(portName{ifname: l.near, family: vrrp.IPv4})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tap.read(t.Context(), p)
	}()
	t.Cleanup(func() { tap.close(); <-ended })
	eventually(t, "all are heard", func() bool { return p.received.Load() == adverts })
}

func TestReaderOfATapEndsWithIt(t *testing.T) {
	l := newLAN(t)
	tap, err := openTap(l.nearLink().Attrs().Index, vrrp.Group4)
	must(t, err)
	p := newPort(portName{ifname: l.near, family: vrrp.IPv4})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tap.read(context.Background(), p) // while the host goes on
	}()
	tap.close()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Errorf("the reader goes on %s after the tap was closed", patience)
	}
	if n := p.readErrors.Load(); n > 0 {
		t.Errorf("%d read errors are counted, want none", n)
	}
}
