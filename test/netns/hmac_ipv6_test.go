//go:build netns

package netns_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// signedSix is a router over IPv6 whose adverts are signed with a secret.
func signedSix(priority int, secret string) string {
	return netns.Instance{
		Version: 3, Priority: priority, Interval: signedInterval, Address: netip.PrefixFrom(vip6Local, 64),
		Also: []netip.Prefix{netip.PrefixFrom(vip6, 64)}, HMAC: secret,
	}.HCL()
}

// Over IPv6, too, signed adverts elect one master, those with another secret are refused and named, and recorded ones are worthless.
func TestSignedAdvertsOverIPv6(t *testing.T) {
	const right, wrong = "00000000000000000000000000000001", "00000000000000000000000000000002"
	const name = netns.InstanceName
	m := newTeam(t)
	stalls := m.WatchStalls()
	a, b := m.a.Govrrpd(signedSix(200, right)), m.b.Govrrpd(signedSix(100, right))
	m.WaitFor(startup, "one master", func() bool { return m.a.Has(vip6) && a.Role(name) == "master" && b.Role(name) == "backup" })
	since := time.Now()
	m.Always(time.Second, "a is master alone", func() bool {
		return m.a.Has(vip6) && !m.b.Has(vip6) || stalls.Since(since) > signedInterval
	})
	for _, d := range []*netns.Director{a, b} {
		if r := refused(d); r != "" {
			t.Errorf("refused %s", r)
		}
	}

	var recorded [][]byte
	for _, f := range m.capture.Frames() {
		const ethernet, nextHeader = 14, 6
		if f.From == m.portA && len(f.Data) > ethernet+40 && f.Data[12] == 0x86 && f.Data[13] == 0xdd && f.Data[ethernet+nextHeader] == 112 {
			recorded = append(recorded, f.Data)
		}
	}
	if len(recorded) < 5 {
		t.Fatalf("%d adverts were recorded, want more", len(recorded))
	}
	inject(t, m.client, recorded)
	m.WaitFor(startup, "the record to be refused", func() bool { return b.Dropped(name, "hmac_replayed") >= uint64(len(recorded)) })
	if role := b.Role(name); role != "backup" {
		t.Errorf("b is %s, want backup", role)
	}

	if out, err := b.Reload(signedSix(100, wrong)); err != nil {
		t.Fatalf("reload: %v: %s", err, out)
	}
	m.WaitFor(startup, "b to refuse what a signs", func() bool { return b.Dropped(name, "hmac_invalid") > 3 && b.Role(name) == "master" })
	m.WaitFor(startup, "a to refuse what b signs", func() bool { return a.Dropped(name, "hmac_invalid") > 3 && len(a.Router(name).Rivals) == 1 })
	if out, err := b.Reload(signedSix(100, right)); err != nil {
		t.Fatalf("reload: %v: %s", err, out)
	}
	m.WaitFor(startup, "one master again", func() bool { return b.Role(name) == "backup" && m.a.Has(vip6) && !m.b.Has(vip6) })
}
