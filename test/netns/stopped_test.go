//go:build netns

package netns_test

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// stoppedFor is many down intervals of 100 ms adverts.
const stoppedFor = 1500 * time.Millisecond

// stopRouter keeps the router process of d from running for a while, as a suspended machine does.
func stopRouter(t *testing.T, p pair, d *netns.Director) (woken time.Time) {
	t.Helper()
	pid, err := d.RouterPID()
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	p.WaitFor(limit, "a while to pass", func() bool { return time.Since(began) > stoppedFor })
	woken = time.Now()
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	return woken
}

func stoppedConfig(priority int) string {
	v := netns.Instance{Version: 3, Priority: priority, Interval: 100 * time.Millisecond, Address: netip.PrefixFrom(virtual, 24), NoPreempt: true}
	return v.HCL()
}

// settle starts a as master, and b as backup.
func (p pair) settle() (a, b *netns.Director) {
	a = p.a.Govrrpd(stoppedConfig(200))
	p.WaitFor(limit, "a to be master", func() bool { return p.a.Has(virtual) })
	b = p.b.Govrrpd(stoppedConfig(100))
	p.WaitFor(limit, "b to be backup", func() bool { return b.Role(netns.InstanceName) == "backup" })
	return a, b
}

// A backup whose process was stopped wakes with its timer run out, and with the adverts that contradict it in its socket.
func TestBackupThatWasStoppedLeavesTheMasterAlone(t *testing.T) {
	p := newPair(t)
	capture := p.Capture(p.portA, p.portB)
	a, b := p.settle()
	since := time.Now()
	for range 3 {
		stopRouter(t, p, b)
		p.Always(500*time.Millisecond, "a in office", func() bool { return p.a.Has(virtual) && !p.b.Has(virtual) })
	}
	if role := a.Role(netns.InstanceName); role != "master" {
		t.Errorf("a is %s", role)
	}
	capture.Stop()
	if stray := capture.AdvertsFrom(p.portB, since); len(stray) > 0 {
		t.Errorf("the backup spoke:\n%s", describe(stray))
	}
}

// A master whose process was stopped was replaced. It listens before it speaks, and leaves its successor in office.
func TestMasterThatWasStoppedListensBeforeItSpeaks(t *testing.T) {
	p := newPair(t)
	capture := p.Capture(p.portA, p.portB)
	a, b := p.settle()
	woken := stopRouter(t, p, a)
	p.WaitFor(limit, "a to make way", func() bool { return !p.a.Has(virtual) && a.Role(netns.InstanceName) == "backup" })
	p.Always(500*time.Millisecond, "b in office", func() bool { return p.b.Has(virtual) && !p.a.Has(virtual) })
	if role := b.Role(netns.InstanceName); role != "master" {
		t.Errorf("b is %s", role)
	}
	capture.Stop()
	for _, advert := range capture.AdvertsFrom(p.portA, woken) {
		if advert.Packet.Priority != 1 { // its last word, when it has heard b, makes b announce again
			t.Errorf("the old master spoke:\n%s", describe([]netns.Advert{advert}))
		}
	}
}
