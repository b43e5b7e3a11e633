//go:build netns

package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// These tests treat the two processes badly and look at what is left: who is master, which addresses are there, which processes.

const (
	// settle is how long a director may take to be as it should on a busy machine.
	settle = time.Minute
	// electing is the interval of the adverts; somebody alone is master after a little more than three.
	electing = 50 * time.Millisecond
)

var (
	vip    = netip.MustParseAddr("192.0.2.10")
	vipTwo = netip.MustParseAddr("192.0.2.11")
)

// instance returns one virtual router.
func instance(name string, vrid, priority int, addresses ...netip.Addr) string {
	list := make([]string, len(addresses))
	for i, a := range addresses {
		list[i] = fmt.Sprintf("\"%s/24\"", a)
	}
	return fmt.Sprintf("vrrp_instance %q {\n  interface         = \"eth0\"\n  virtual_router_id = %d\n  priority          = %d\n"+
		"  advert_interval   = %q\n  virtual_addresses = [%s]\n}\n", name, vrid, priority, electing, strings.Join(list, ", "))
}

// lone is a machine with one director.
type lone struct {
	*netns.World
	node *netns.Node
	d    *netns.Director
}

func newLone(t *testing.T, config string) lone {
	t.Helper()
	l := lone{World: netns.New(t)}
	l.node = l.Node("a")
	l.Segment("lan0").Attach(l.node, "eth0", "192.0.2.1/24")
	l.d = l.node.Govrrpd(config)
	return l
}

func (l lone) master(name string) {
	l.WaitFor(settle, name+" to be master with its address", func() bool { return l.d.Role(name) == "master" && l.node.Has(vip) })
}

// routers returns the ids of all router processes of the director's folder.
func (l lone) routers(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var pids []string
	for _, file := range files {
		b, _ := os.ReadFile(file) // of a process that has just ended there is none
		argv := strings.Split(string(b), "\x00")
		if len(argv) > 1 && argv[1] == "router" && strings.Contains(string(b), filepath.Dir(l.d.Socket)) {
			pids = append(pids, filepath.Base(filepath.Dir(file)))
		}
	}
	return pids
}

func (l lone) oneRouter(t *testing.T) {
	t.Helper()
	l.WaitFor(settle, "one router process", func() bool { return len(l.routers(t)) == 1 })
}

func (l lone) nothingLeft(t *testing.T) {
	t.Helper()
	l.WaitFor(settle, "no process and no address to be left", func() bool { return len(l.routers(t)) == 0 && !l.node.Has(vip) })
}

// The whole of an action takes some 30 ms, so these moments are before, in and after every step of it.
func moments() []time.Duration {
	out := make([]time.Duration, 17)
	for i := range out {
		out[i] = time.Duration(i) * 2500 * time.Microsecond
	}
	return out
}

func TestDirectorKilledAtAnyMomentIsFollowedByAnother(t *testing.T) {
	actions := []struct {
		name string
		keep bool // a router that is master goes on through it
		do   func(d *netns.Director)
	}{
		{"start", true, func(d *netns.Director) { d.Kill(); d.Restart() }},
		{"reload", true, func(d *netns.Director) { d.Write(instance("web", 51, 101, vip)); d.Signal(syscall.SIGHUP) }},
		{"stop", false, func(d *netns.Director) { d.Signal(syscall.SIGTERM) }},
		{"first start", false, func(d *netns.Director) { _ = d.Stop(); d.Restart() }},
	}
	for _, a := range actions {
		t.Run(a.name, func(t *testing.T) {
			l := newLone(t, instance("web", 51, 100, vip))
			for _, moment := range moments() {
				l.master("web")
				holders := l.WatchHolders(vip, l.node)
				begun := time.Now()
				l.d.Write(instance("web", 51, 100, vip))
				a.do(l.d)
				<-time.After(moment)
				l.d.Kill()
				l.d.Restart()
				l.master("web")
				l.oneRouter(t)
				holders.Stop()
				for _, s := range holders.Since(begun) {
					if a.keep && len(s.Holders) == 0 {
						t.Fatalf("killed after %s: the address was away at %s after the action began", moment, s.Began.Sub(begun))
					}
				}
			}
			if err := l.d.Stop(); err != nil {
				t.Error(err)
			}
			l.nothingLeft(t)
		})
	}
}

// This is what `systemctl restart` does, for an upgrade.
func TestDirectorThatLeavesIsFollowedWithoutAGap(t *testing.T) {
	l := newLone(t, "global {\n  flush_on_stop = true\n}\n"+instance("web", 51, 100, vip))
	l.master("web")
	before, err := l.d.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		l.d.Signal(syscall.SIGUSR1)
		l.WaitFor(settle, "the director to end", func() bool { return !l.d.Running() })
		if err := l.d.Stop(); err != nil { // has ended already
			t.Errorf("the director ended with %v", err)
		}
		l.Always(4*electing, "the address", func() bool { return l.node.Has(vip) })
		l.d.Restart()
		l.master("web")
	}
	after, err := l.d.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !after.VRRP[0].Since.Equal(before.VRRP[0].Since) {
		t.Errorf("master since %s, want as before: since %s", after.VRRP[0].Since, before.VRRP[0].Since)
	}
	l.oneRouter(t)
}

func TestKilledRouterIsStartedAgainAndElectedAgain(t *testing.T) {
	l := newLone(t, instance("web", 51, 100, vip))
	for range 5 {
		l.master("web")
		old, err := l.d.RouterPID()
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		l.WaitFor(settle, "another router process", func() bool { now, err := l.d.RouterPID(); return err == nil && now != old })
	}
	l.master("web")
	l.oneRouter(t)
	if err := l.d.Stop(); err != nil {
		t.Error(err)
	}
	l.nothingLeft(t)
}

// What a killed router held and the configuration no longer names is taken away by its successor.
func TestAddressOfADeadRouterThatIsNoLongerWantedGoesAway(t *testing.T) {
	l := newLone(t, instance("web", 51, 100, vip, vipTwo))
	l.master("web")
	l.WaitFor(settle, "the second address", func() bool { return l.node.Has(vipTwo) })
	l.d.Kill()
	router, err := l.d.RouterPID()
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(router, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	l.d.Write(instance("web", 51, 100, vip))
	l.d.Restart()
	l.WaitFor(settle, "the second address to be swept", func() bool { return !l.node.Has(vipTwo) })
	l.master("web")
}

func TestSecondDirectorOfASocketIsRefused(t *testing.T) {
	l := newLone(t, instance("web", 51, 100, vip))
	l.master("web")
	out, err := l.node.Run(l.Program(), "run", "-c", l.d.Config, "--socket", l.d.Socket)
	if err == nil || !strings.Contains(out, "another director") {
		t.Errorf("error %v, output %q, want a refusal that says why", err, out)
	}
	l.oneRouter(t)
	if role := l.d.Role("web"); role != "master" {
		t.Errorf("the first director's instance is %q", role)
	}
}

// The bodies of these requests never come, and nobody reads the answers.
func TestClientsThatHangDoNotSpoilAStop(t *testing.T) {
	l := newLone(t, instance("web", 51, 100, vip))
	l.master("web")
	for _, request := range []string{
		"", "GET /api/v1/status HTTP/1.1\r\nHost: x\r\n",
		"POST /api/v1/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nx",
		strings.Repeat("GET /api/v1/status HTTP/1.1\r\nHost: x\r\n\r\n", 1000), "\x00garbage\r\n\r\n",
	} {
		conn, err := l.node.DialContext(t.Context(), "unix", l.d.Socket)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		_, _ = conn.Write([]byte(request)) // as much as is taken
	}
	if role := l.d.Role("web"); role != "master" {
		t.Errorf("beside clients that hang, the status says %q", role)
	}
	begun := time.Now()
	if err := l.d.Stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("the stop took %s", took)
	}
	l.nothingLeft(t)
}

// A supervisor that hangs reads the log no more: a pipe holds 64 KiB, and then a write waits for ever.
func TestFullLogPipeStopsNothing(t *testing.T) {
	l := lone{World: netns.New(t)}
	l.node = l.Node("a")
	l.Segment("lan0").Attach(l.node, "eth0", "192.0.2.1/24")
	pipe := filepath.Join(l.Dir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	l.d = &netns.Director{Config: filepath.Join(l.Dir(), "c.hcl"), Socket: filepath.Join(l.Dir(), "control.sock")}
	if err := os.WriteFile(l.d.Config, []byte(instance("web", 51, 100, vip)), 0o600); err != nil {
		t.Fatal(err)
	}
	fillPipe(t, reader)
	p := l.node.Start("director", "sh", "-c", fmt.Sprintf("exec %s run -c %s --socket %s 2>%s", l.Program(), l.d.Config, l.d.Socket, pipe))
	status := func() (string, error) { return l.node.Run(l.Program(), "status", "vrrp", "--socket", l.d.Socket) }
	l.WaitFor(settle, "a master", func() bool { out, err := status(); return err == nil && strings.Contains(out, "master") })
	for range 3 {
		if out, err := l.node.Run(l.Program(), "reload", "--socket", l.d.Socket); err != nil {
			t.Errorf("reload: %v: %s", err, out)
		}
	}
	if err := p.Stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	l.nothingLeft(t)
}

// fillPipe writes until there is no more room.
func fillPipe(t *testing.T, pipe *os.File) {
	t.Helper()
	raw, err := pipe.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	junk := []byte(strings.Repeat("x", 4096))
	err = raw.Write(func(fd uintptr) bool {
		for size := len(junk); size > 0; {
			if _, err := syscall.Write(int(fd), junk[:size]); err != nil {
				size /= 2
			}
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
}
