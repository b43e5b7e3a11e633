//go:build netns

package netns_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/test/netns"
)

// signedInterval is that of the routers here, in which a change of role would show soon.
const signedInterval = 100 * time.Millisecond

// signed is a configuration with a state folder and an hmac block.
func signed(dir string, priority int, hmac string) string {
	v := netns.Instance{Version: 3, Priority: priority, Interval: signedInterval, Address: netip.PrefixFrom(virtual, 24)}
	hcl := strings.TrimSuffix(v.HCL(), "}\n") + "  hmac {\n" + hmac + "  }\n}\n"
	return fmt.Sprintf("global {\n  state_folder = %q\n}\n", filepath.Join(dir, fmt.Sprint("state", priority))) + hcl
}

// keys is the content of an hmac block with these keys.
func keys(active int, ids ...int) string {
	out := fmt.Sprintf("    active_key = %d\n", active)
	for _, id := range ids {
		out += fmt.Sprintf("    key \"%d\" { secret = \"%032d\" }\n", id, id)
	}
	return out
}

// refused returns by reason how many signed adverts d has refused.
func refused(d *netns.Director) string {
	var out []string
	for _, reason := range []string{"hmac_trailer", "hmac_missing", "hmac_malformed", "hmac_stale", "hmac_unknown_key", "hmac_invalid", "hmac_replayed"} {
		if n := d.Dropped(netns.InstanceName, reason); n > 0 {
			out = append(out, fmt.Sprintf("%d %s", n, reason))
		}
	}
	return strings.Join(out, ", ")
}

// TestKeyRotationLosesNoAdvertAndNoRole takes the trailer up step by step, changes the key, and gives it up again.
func TestKeyRotationLosesNoAdvertAndNoRole(t *testing.T) {
	p := newPair(t)
	stalls := p.WatchStalls()
	capture := p.Capture(p.portA, p.portB)
	steps := []string{
		"    mode = \"receive-only\"\n" + keys(1, 1), "    mode = \"permissive\"\n" + keys(1, 1), keys(1, 1),
		keys(1, 1, 2), keys(2, 1, 2), keys(2, 2),
		"    mode = \"permissive\"\n" + keys(2, 2), "    mode = \"receive-only\"\n" + keys(2, 2),
	}
	a, b := p.a.Govrrpd(signed(p.Dir(), 200, steps[0])), p.b.Govrrpd(signed(p.Dir(), 100, steps[0]))
	p.WaitFor(limit, "a to be master, b to be backup", func() bool {
		return a.Role(netns.InstanceName) == "master" && b.Role(netns.InstanceName) == "backup" && !p.b.Has(virtual)
	})
	since := time.Now()
	for i, step := range steps[1:] {
		for _, side := range []struct {
			director *netns.Director
			priority int
		}{{b, 100}, {a, 200}} {
			if out, err := side.director.Reload(signed(p.Dir(), side.priority, step)); err != nil {
				t.Fatalf("reload to step %d: %v\n%s", i+1, err, out)
			}
			p.Always(4*signedInterval, "a is master alone", func() bool { return p.a.Has(virtual) && !p.b.Has(virtual) })
		}
	}
	capture.Stop()
	for _, d := range []*netns.Director{a, b} {
		if r := refused(d); r != "" {
			t.Errorf("priority %s: refused %s", d.Config, r)
		}
	}
	for _, d := range capture.AdvertsFrom(p.portB, since) {
		t.Errorf("the backup advertised at %s", clock(d.At))
	}
	gap, end := netns.LongestGap(capture.AdvertsFrom(p.portA, since))
	if most := 2*signedInterval + stalls.Since(since); gap > most {
		t.Errorf("no advert for %s until %s, want at most %s", gap, clock(end), most)
	}
}

// TestRecordedAdvertsAreWorthlessAfterARestart records a master, ends it, ends and starts the backup that heard it, and plays the record.
func TestRecordedAdvertsAreWorthlessAfterARestart(t *testing.T) {
	const orderly, killed, booted = "orderly", "killed", "booted"
	for _, replay := range []string{"    anti_replay = \"monotonic\"\n", "    time_window = \"300s\"\n"} {
		for _, how := range []string{orderly, killed, booted} {
			name := strings.Fields(replay)[0] + " " + how
			t.Run(name, func(t *testing.T) {
				p := newPair(t)
				mallory := p.Node("mallory")
				p.lan.Attach(mallory, "eth0", "192.0.2.66/24")
				capture := p.Capture(p.portA)
				a := p.a.Govrrpd(signed(p.Dir(), 200, replay+keys(1, 1)))
				b := p.b.Govrrpd(signed(p.Dir(), 100, replay+keys(1, 1)))
				p.WaitFor(limit, "b to have heard a", func() bool {
					return a.Role(netns.InstanceName) == "master" && b.Role(netns.InstanceName) == "backup" && len(capture.Adverts()) > 10
				})
				capture.Stop()
				recorded := time.Now()
				memory := filepath.Join(filepath.Dir(b.Socket), "router.sock.memory")
				p.WaitFor(limit, "b to write down what it heard", func() bool { // a second is what may be lost
					info, err := os.Stat(memory)
					return err == nil && info.ModTime().After(recorded.Add(time.Second))
				})
				p.a.Crash()
				switch how {
				case killed:
					p.b.Crash()
				default:
					if err := b.Stop(); err != nil {
						t.Fatal(err)
					}
				}
				if how == booted { // the runtime folder is gone
					if err := os.Remove(memory); err != nil {
						t.Fatal(err)
					}
				}
				b.Restart()
				p.WaitFor(limit, "b to be master", func() bool { return b.Role(netns.InstanceName) == "master" })
				frames := advertFrames(capture)
				inject(t, mallory, frames)
				p.WaitFor(limit, "the record to be refused", func() bool {
					return b.Dropped(netns.InstanceName, "hmac_replayed") == uint64(len(frames))
				})
				if role, r := b.Role(netns.InstanceName), refused(b); role != "master" || r != fmt.Sprintf("%d hmac_replayed", len(frames)) {
					t.Errorf("b is %s and refused %s, want master and %d hmac_replayed", role, r, len(frames))
				}
			})
		}
	}
}

// advertFrames returns the frames of the adverts that were recorded with a priority other than 0.
func advertFrames(c *netns.Capture) [][]byte {
	var out [][]byte
	for _, f := range c.Frames() {
		const ethernet, protocol = 14, 9
		if len(f.Data) > ethernet+20 && f.Data[12] == 8 && f.Data[ethernet+protocol] == 112 {
			out = append(out, f.Data)
		}
	}
	return out
}

// inject sends frames as they are, from eth0 of a node.
func inject(t *testing.T, n *netns.Node, frames [][]byte) {
	t.Helper()
	err := n.Do(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		const firstLink = 2 // after lo
		for _, f := range frames {
			if err := unix.Sendto(fd, f, 0, &unix.SockaddrLinklayer{Ifindex: firstLink, Halen: 6}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
