//go:build netns

package main

import (
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestManyHangupsDuringStartAndStopAreReloadsOrNothing(t *testing.T) {
	l := newLone(t, instance("web", 51, 100, vip))
	hangups := func() {
		for range 100 {
			_ = syscall.Kill(l.d.PID(), syscall.SIGHUP)
		}
	}
	l.WaitFor(settle, "the router to be started", func() bool { return l.d.Logged("router process started") })
	hangups()
	l.master("web")
	hangups()
	l.d.Signal(syscall.SIGTERM)
	hangups()
	if err := l.d.Stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if !l.d.Logged("configuration reloaded") || l.d.Logged("level=ERROR") {
		t.Errorf("want reloads and no error in the log:\n%s", l.d.Log())
	}
	l.nothingLeft(t)
}

// An address that moves from one instance to another of the same director stays in its place when both are master.
func TestAddressMovesBetweenInstancesWithoutAGap(t *testing.T) {
	three := netip.MustParseAddr("192.0.2.12")
	before := instance("web", 51, 100, vip, vipTwo) + instance("mail", 52, 100, three)
	after := instance("web", 51, 100, vip) + instance("mail", 52, 100, three, vipTwo)
	l := newLone(t, before)
	l.master("web")
	l.WaitFor(settle, "both to be master", func() bool { return l.d.Role("mail") == "master" && l.node.Has(vipTwo) && l.node.Has(three) })
	holders := l.WatchHolders(vipTwo, l.node)
	begun := time.Now()
	for range 5 {
		for _, config := range []string{after, before} {
			if out, err := l.d.Reload(config); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			l.Always(3*electing, "all addresses", func() bool { return l.node.Has(vip) && l.node.Has(three) })
		}
	}
	holders.Stop()
	var away []time.Duration
	for _, s := range holders.Since(begun) {
		if len(s.Holders) == 0 {
			away = append(away, s.Began.Sub(begun))
		}
	}
	if len(away) > 0 {
		t.Errorf("the address was away at %s", away)
	}
}

// Two routers of one VRID speak to different peers: the one that a reload makes, which may come first in the file, gets the peer that the
// other one gives up.
func TestNewInstanceTakesAPeerThatAnotherOneOfItsVRIDGivesUp(t *testing.T) {
	to := func(peers string) string { return "= 51\n  unicast {\n    peers = [" + peers + "]\n  }" }
	web := instance("web", 51, 100, vip)
	l := newLone(t, replaced("= 51", to(`"192.0.2.2", "192.0.2.3"`))(web))
	l.master("web")
	after := replaced("= 51", to(`"192.0.2.3"`))(instance("mail", 51, 100, vipTwo)) + replaced("= 51", to(`"192.0.2.2"`))(web)
	if out, err := l.d.Reload(after); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	l.WaitFor(settle, "both to be master", func() bool {
		return l.d.Role("web") == "master" && l.d.Role("mail") == "master" && l.node.Has(vip) && l.node.Has(vipTwo)
	})
}

// A new name is a new virtual router: it waits once for a master, no longer.
func TestRenamedInstanceIsMasterAgainAfterOneElection(t *testing.T) {
	l := newLone(t, instance("web", 51, 100, vip))
	l.master("web")
	begun := time.Now()
	if out, err := l.d.Reload(instance("shop", 51, 100, vip)); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	l.master("shop")
	if took := time.Since(begun); took > 20*electing {
		t.Errorf("the address was away for up to %s, want a little more than %s", took, 4*electing)
	}
}

func TestReloadWithAnInterfaceThatIsNotThereWarns(t *testing.T) {
	l := newLone(t, instance("web", 51, 100, vip))
	l.master("web")
	out, err := l.d.Reload(strings.Replace(instance("web", 51, 100, vip), "eth0", "eth9", 1))
	if err != nil || !strings.Contains(out, "no interface eth9 now, it has lo, eth0") {
		t.Errorf("error %v, output %q, want a warning with the interfaces that are there", err, out)
	}
	l.WaitFor(settle, "the instance to be in fault without its address", func() bool { return l.d.Role("web") == "fault" && !l.node.Has(vip) })
}

// Both are refused as a whole, with the reason on the client's side too.
func TestRefusedReloadChangesNothing(t *testing.T) {
	l := newLone(t, instance("web", 51, 100, vip))
	l.master("web")
	since, err := l.d.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	bad := map[string]string{"a mistake": instance("web", 51, 100, vip) + "vrrp_instance {}\n"}
	if _, err := os.Stat("/proc/net/ip_vs"); err != nil {
		bad["a first virtual server where the kernel has no IPVS"] = "virtual_server \"shop\" {\n  address = \"192.0.2.11:80\"\n  real_server \"10.0.0.1:80\" {}\n}\n"
	}
	for name, config := range bad {
		if out, err := l.d.Reload(config); err == nil || !strings.Contains(out, "the running configuration stays") {
			t.Errorf("%s: error %v, output %q, want a refusal", name, err, out)
		}
	}
	now, err := l.d.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(now.VRRP) != 1 || !now.VRRP[0].Since.Equal(since.VRRP[0].Since) {
		t.Errorf("status %+v, want it as before: %+v", now.VRRP, since.VRRP)
	}
}
