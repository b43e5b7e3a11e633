//go:build netns

package main

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// longInterval makes a wait in vain long, so that it cannot be mistaken for a busy machine: a successor is awaited for 5.25 s, and a new
// router is master after more than 15 s.
const (
	longInterval = 5 * time.Second
	swift        = 2 * time.Second
)

// synced is a sync group of two; the first is web with vip. Edit may change web.
func synced(interval time.Duration, priority int, edit func(string) string) string {
	web := edit(instance("web", 51, priority, vip))
	text := web + instance("mail", 52, priority, vipTwo) + "vrrp_sync_group \"edge\" {\n  instances = [\"web\", \"mail\"]\n}\n"
	return strings.ReplaceAll(text, fmt.Sprintf("%q", electing), fmt.Sprintf("%q", interval))
}

func replaced(pairs ...string) func(string) string { return strings.NewReplacer(pairs...).Replace }

func unchanged(s string) string { return s }

// swiftly reloads and wants that to be over soon, and status to answer meanwhile.
func swiftly(t *testing.T, d *netns.Director, config string) {
	t.Helper()
	begun := time.Now()
	out, err := d.Reload(config)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if took := time.Since(begun); took > swift {
		t.Errorf("the reload took %s", took)
	}
	if _, err := d.Status(t.Context()); err != nil || time.Since(begun) > 2*swift {
		t.Errorf("status after %s: %v", time.Since(begun), err)
	}
}

// What a reload makes of a member of a sync group leaves the address where it is, and needs no other director.
func TestReloadThatMakesAnotherRouterOfAMemberKeepsTheAddress(t *testing.T) {
	for name, edit := range map[string]func(string) string{
		"VRID":    replaced("= 51", "= 61"),
		"version": replaced("= 51", "= 51\n  version = 2"),
		"unicast": replaced("= 51", "= 51\n  unicast {\n    peers = [\"192.0.2.2\"]\n  }"),
	} {
		t.Run(name, func(t *testing.T) {
			l := newLone(t, synced(electing, 100, unchanged))
			l.master("web")
			swiftly(t, l.d, synced(longInterval, 100, unchanged))
			holders, begun := l.WatchHolders(vip, l.node), time.Now()
			swiftly(t, l.d, synced(longInterval, 100, edit))
			l.Always(time.Second, "both to be master", func() bool { return l.d.Role("web") == "master" && l.d.Role("mail") == "master" })
			swiftly(t, l.d, synced(electing, 100, unchanged)) // and back
			l.Always(10*electing, "both to be master", func() bool { return l.d.Role("web") == "master" && l.d.Role("mail") == "master" })
			holders.Stop()
			if err := netns.NotOne(holders.Since(begun)); err != nil {
				t.Error(err)
			}
		})
	}
}

// anewGap is how long nobody may have the address of an instance that a reload makes anew: some milliseconds, on a busy machine more. An
// election takes more than 15 s.
const anewGap = 500 * time.Millisecond

// Where the instance cannot become the other one while it runs, its successor is master at once, also of a sync group.
func TestReloadThatMakesAMasterAnewLeavesTheAddressForAMoment(t *testing.T) {
	for name, edit := range map[string]func(string) string{
		"vmac":                replaced("= 51", "= 51\n  vmac {}"),
		"two change the VRID": replaced("= 51", "= 52", "= 52", "= 51"),
	} {
		t.Run(name, func(t *testing.T) {
			whole := func(s string) string { return s }
			if strings.HasPrefix(name, "two") {
				whole, edit = edit, unchanged
			}
			l := newLone(t, synced(electing, 100, unchanged))
			l.master("web")
			swiftly(t, l.d, synced(longInterval, 100, unchanged))
			holders, begun := l.WatchHolders(vip, l.node), time.Now()
			for range 2 {
				swiftly(t, l.d, whole(synced(longInterval, 100, edit)))
				l.WaitFor(swift, "both to be master with the address", func() bool {
					return l.d.Role("web") == "master" && l.d.Role("mail") == "master" && l.node.Has(vip)
				})
				swiftly(t, l.d, synced(longInterval, 100, unchanged)) // and back
				l.WaitFor(swift, "both to be master with the address", func() bool {
					return l.d.Role("web") == "master" && l.d.Role("mail") == "master" && l.node.Has(vip)
				})
			}
			holders.Stop()
			if away := longestAway(holders.Since(begun)); away > anewGap {
				t.Errorf("nobody had the address for %s", away)
			}
		})
	}
}

// longestAway returns for how long nobody had the address at most.
func longestAway(samples []netns.Sample) time.Duration {
	var longest time.Duration
	var since time.Time
	for _, s := range samples {
		switch {
		case len(s.Holders) > 0:
			since = time.Time{}
		case since.IsZero():
			since = s.Began
		default:
			longest = max(longest, s.Ended.Sub(since))
		}
	}
	return longest
}

// Both directors of a pair get another VRID, the master first: the address stays with it, and the other one does not claim it for a moment.
func TestPairGetsAnotherVRIDWithoutAGapOrASecondMaster(t *testing.T) {
	p := newPair(t, func(string) string { return "}\n" })
	p.master(p.a, "it has the higher priority")
	slow := func(priority int, edit func(string) string) string { return synced(longInterval/5, priority, edit) }
	for _, c := range []struct {
		d        *netns.Director
		priority int
	}{{p.da, 150}, {p.db, 120}} {
		swiftly(t, c.d, slow(c.priority, unchanged))
	}
	p.WaitFor(settle, "a to be master of both", func() bool { return p.a.Has(vip) && p.a.Has(vipTwo) && p.db.Role("web") == "backup" })
	holders, begun := p.WatchHolders(vip, p.a, p.b), time.Now()
	swiftly(t, p.da, slow(150, replaced("= 51", "= 61")))
	swiftly(t, p.db, slow(120, replaced("= 51", "= 61")))
	p.Always(longInterval, "a to be master and b to be backup", func() bool {
		return p.da.Role("web") == "master" && p.da.Role("mail") == "master" && p.db.Role("web") == "backup"
	})
	holders.Stop()
	if err := netns.NotOne(holders.Since(begun)); err != nil {
		t.Error(err)
	}
}

// A member that is removed is gone at once: the other director's sync group could not take its address over without the rest.
func TestReloadThatRemovesAMemberWaitsForNoSuccessor(t *testing.T) {
	l := newLone(t, synced(electing, 100, unchanged))
	l.master("web")
	swiftly(t, l.d, synced(longInterval, 100, unchanged))
	swiftly(t, l.d, strings.ReplaceAll(instance("mail", 52, 100, vipTwo), fmt.Sprintf("%q", electing), fmt.Sprintf("%q", longInterval)))
	if l.node.Has(vip) || !l.node.Has(vipTwo) || l.d.Role("mail") != "master" {
		t.Errorf("the removed member's address: %v, the other's: %v, which is %s", l.node.Has(vip), l.node.Has(vipTwo), l.d.Role("mail"))
	}
}

// A backup hears a signing master go on when a reload gives that one a virtual hardware address: what it signs then is newer than before.
func TestBackupDoesNotNoticeThatItsMasterIsMadeAnew(t *testing.T) {
	state := t.TempDir()
	config := func(priority int, more string) string {
		signed := strings.Replace(instance("web", 51, priority, vip), "= 51", "= 51\n  hmac {\n    active_key = 1\n    key \"1\" { secret = \"correct horse battery staple 0123\" }\n  }"+more, 1)
		signed = strings.ReplaceAll(signed, fmt.Sprintf("%q", electing), `"1s"`)
		return fmt.Sprintf("global {\n  state_folder = \"%s/%d\"\n}\n", state, priority) + signed
	}
	p := &pair{World: netns.New(t)}
	p.a, p.b = p.Node("a"), p.Node("b")
	lan := p.Segment("lan0")
	lan.Attach(p.a, "eth0", "192.0.2.1/24")
	lan.Attach(p.b, "eth0", "192.0.2.2/24")
	p.da, p.db = p.a.Govrrpd(config(150, "")), p.b.Govrrpd(config(120, ""))
	p.WaitFor(settle, "b to obey a", func() bool { return p.db.Role("web") == "backup" && p.db.Router("web").Master == "192.0.2.1" })
	before := p.db.Router("web")
	for range 2 {
		for _, more := range []string{"\n  vmac {}", ""} {
			swiftly(t, p.da, config(150, more))
			p.Always(1500*time.Millisecond, "b to be backup", func() bool { return p.db.Role("web") == "backup" })
		}
	}
	after := p.db.Router("web")
	if !after.Since.Equal(before.Since) || p.da.Role("web") != "master" {
		t.Errorf("b was %s since %s, is %s since %s; a is %s", before.Role, before.Since, after.Role, after.Since, p.da.Role("web"))
	}
	for reason, n := range after.Dropped {
		if strings.HasPrefix(reason, "hmac") && n > before.Dropped[reason] {
			t.Errorf("b dropped %d adverts for %s", n-before.Dropped[reason], reason)
		}
	}
}

// A sync group that is removed as a whole hands over as a whole: its quick member keeps its address until the other director is ready to be
// master of the slow one, too.
func TestReloadThatRemovesASyncGroupHandsItOverAsAWhole(t *testing.T) {
	p := newPair(t, func(string) string { return "}\n" })
	p.master(p.a, "it has the higher priority")
	even := func(priority int) string { return synced(electing, priority, unchanged) }
	slowMail := func(priority int) string {
		web, rest, _ := strings.Cut(even(priority), "vrrp_instance \"mail\"")
		return web + "vrrp_instance \"mail\"" + strings.Replace(rest, fmt.Sprintf("%q", electing), fmt.Sprintf("%q", 2*time.Second), 1)
	}
	swiftly(t, p.da, even(150))
	p.WaitFor(settle, "a to be master of both", func() bool { return p.a.Has(vip) && p.a.Has(vipTwo) })
	swiftly(t, p.db, even(120))
	p.WaitFor(settle, "b to be backup of both", func() bool { return p.db.Role("web") == "backup" && p.db.Role("mail") == "backup" })
	swiftly(t, p.da, slowMail(150))
	swiftly(t, p.db, slowMail(120))
	p.Always(10*electing, "a to be master of both", func() bool { return p.da.Role("web") == "master" && p.da.Role("mail") == "master" })
	holders, begun := p.WatchHolders(vip, p.a, p.b), time.Now()
	if out, err := p.da.Reload(instance("other", 53, 100, netip.MustParseAddr("192.0.2.12"))); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p.WaitFor(settle, "b to be master of both, alone", func() bool { return p.b.Has(vip) && p.b.Has(vipTwo) && !p.a.Has(vip) && !p.a.Has(vipTwo) })
	holders.Stop()
	if away := longestAway(holders.Since(begun)); away > 0 {
		t.Errorf("nobody had the address of the quick member for %s", away)
	}
}

// A master that is made anew keeps its address while another virtual router waits for a successor in vain, here for 5.25 s.
func TestMasterThatIsMadeAnewWaitsForNoOtherThatLeaves(t *testing.T) {
	l := newLone(t, instance("web", 51, 100, vip)+instance("mail", 52, 100, vipTwo))
	l.master("web")
	slow := func(s string) string {
		return strings.ReplaceAll(s, fmt.Sprintf("%q", electing), fmt.Sprintf("%q", longInterval))
	}
	l.WaitFor(settle, "the other to be master", func() bool { return l.node.Has(vipTwo) })
	swiftly(t, l.d, slow(instance("web", 51, 100, vip)+instance("mail", 52, 100, vipTwo)))
	holders, begun := l.WatchHolders(vip, l.node), time.Now()
	if out, err := l.d.Reload(slow(replaced("= 51", "= 51\n  vmac {}")(instance("web", 51, 100, vip)))); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	l.master("web")
	holders.Stop()
	if away := longestAway(holders.Since(begun)); away > anewGap {
		t.Errorf("nobody had the address for %s", away)
	}
}
