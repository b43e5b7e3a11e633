//go:build netns

package netns_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/test/netns"
)

// guisedConfig is an owner with everything that changes the host: a virtual hardware address on two interfaces, and a packet filter.
const guisedConfig = `
vrrp_instance "owner" {
  interface         = "eth0"
  virtual_router_id = 51
  priority          = 255
  advert_interval   = "100ms"
  virtual_addresses = ["192.0.2.100/24"]
  virtual_address "198.51.100.100/24" { interface = "eth1" }
  virtual_address "2001:db8::100/64" { advertised = false }
  vmac { all_interfaces = true }
}
vrrp_instance "gateway" {
  interface         = "eth0"
  virtual_router_id = 52
  priority          = 200
  accept            = false
  advert_interval   = "100ms"
  virtual_addresses = ["192.0.2.101/24"]
  vmac { name = "gateway" }
}
`

// trace is everything about the network of a host that a daemon of ours may change.
func trace(t *testing.T, n *netns.Node) map[string]string {
	t.Helper()
	out := map[string]string{
		"links":     n.MustRun("ip", "-d", "link"),
		"addresses": n.MustRun("ip", "addr"),
		"routes":    n.MustRun("ip", "route", "show", "table", "all"),
		"rules":     n.MustRun("nft", "list", "ruleset"),
	}
	if err := n.Do(func() error { return readSysctls(out) }); err != nil {
		t.Fatal(err)
	}
	return out
}

// readSysctls adds the settings of the calling thread's namespace.
func readSysctls(into map[string]string) error {
	return filepath.WalkDir("/proc/sys/net", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil { // some can only be written, or only by the first namespace
			into[path] = strings.TrimSpace(string(b))
		}
		return nil
	})
}

// After everything of ours was killed, the next start goes on with what it finds, and its stop leaves no trace.
func TestNoTraceIsLeftAfterKillAndStop(t *testing.T) {
	w := netns.New(t)
	n := w.Node("a")
	lan, other := w.Segment("lan0"), w.Segment("lan1")
	lan.Attach(n, "eth0", "192.0.2.1/24", "2001:db8::1/64")
	other.Attach(n, "eth1", "198.51.100.1/24")
	w.WaitFor(limit, "addresses to be usable", func() bool { return !strings.Contains(n.MustRun("ip", "addr"), "tentative") })
	before := trace(t, n)

	d := n.Govrrpd(guisedConfig)
	held := []netip.Addr{virtual, netip.MustParseAddr("192.0.2.101"), netip.MustParseAddr("198.51.100.100")}
	all := func() bool {
		for _, a := range held {
			if !n.Has(a) {
				return false
			}
		}
		return true
	}
	w.WaitFor(limit, "all addresses to be held", all)
	during := trace(t, n)
	for _, want := range []string{"vrrp.51@eth0", "vrrp.51.eth1@eth1", "gateway@eth0"} {
		if !strings.Contains(during["links"], want) {
			t.Errorf("there is no %s in\n%s", want, during["links"])
		}
	}
	if !strings.Contains(during["rules"], "192.0.2.101") {
		t.Errorf("there is no filter:\n%s", during["rules"])
	}

	n.Crash()
	left := trace(t, n)
	if diff := cmp.Diff(during["links"], left["links"]); diff != "" {
		t.Errorf("interfaces after the crash (-before +after):\n%s", diff)
	}
	holders := w.WatchHolders(virtual, n)
	d.Restart()
	w.WaitFor(limit, "the owner to be master again", func() bool { return d.Role("owner") == "master" })
	w.WaitFor(limit, "all addresses to be held again", all)
	w.Always(500*time.Millisecond, "all addresses held", all)
	holders.Stop()
	if err := netns.NotOne(holders.Since(time.Time{})); err != nil {
		t.Errorf("the owner's address flapped while its next process began: %v", err)
	}
	if diff := cmp.Diff(indexes(during["links"]), indexes(trace(t, n)["links"])); diff != "" {
		t.Errorf("interfaces that were adopted (-before +after):\n%s", diff)
	}

	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	w.WaitFor(limit, "the router to end", func() bool { return !strings.Contains(n.MustRun("ip", "link"), "vrrp.51") })
	if diff := cmp.Diff(before, trace(t, n)); diff != "" {
		t.Errorf("what is left (-before +after):\n%s", diff)
	}
}

// indexes returns the first line of each interface: its index and name.
func indexes(links string) []string {
	var out []string
	for line := range strings.Lines(links) {
		if line[0] != ' ' {
			out = append(out, strings.SplitN(line, "<", 2)[0])
		}
	}
	return out
}
