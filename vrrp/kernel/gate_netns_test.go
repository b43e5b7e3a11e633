//go:build netns

package kernel

import (
	"bufio"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

// What a crowd costs is that the process is woken up, so that must go by the beats and not by the packets. The feeder does not sleep: all
// who do are those who hear.
func TestCrowdWakesUsByTheBeat(t *testing.T) {
	const (
		every    = 500 * time.Microsecond
		warmUp   = 200 // packets, after which there is a crowd
		measured = 1000
	)
	l := newLAN(t)
	l.address("192.0.2.1/24")
	c := l.config("web", 51, "192.0.2.10/24")
	c.AdvertInterval = 100 * time.Millisecond
	h, r := newHost(t), newRecorder()
	must(t, h.Attach(c, r))
	run(t, h)
	fd := l.packetDescriptor(0)
	defer unix.Close(fd)
	frame := frameFrom(net.HardwareAddr{2, 0, 0, 0, 0, 1}, groupMAC, advertFrom("192.0.2.2", "224.0.0.18", testAdvert(), nil))
	paced := func(n int) {
		for next := time.Now(); n > 0; n-- {
			for time.Now().Before(next) {
			}
			_, err := unix.Write(fd, frame)
			must(t, err)
			next = next.Add(every)
		}
	}
	paced(warmUp)
	before := sleeps(t)
	paced(measured)
	got := sleeps(t) - before
	eventually(t, "all are heard", func() bool { return len(r.heard()) == warmUp+measured })
	t.Logf("%d packets in %s, %d times asleep", measured, measured*every, got)
	if got > measured/2 {
		t.Errorf("the process went to sleep %d times while it heard %d adverts, want at most one for every second", got, measured)
	}
}

// A stampListener says when adverts were heard.
type stampListener struct {
	Listener
	at chan time.Time
}

func (l stampListener) Receive(vrrp.Advert) bool { l.at <- time.Now(); return true }

// Where there is no crowd nobody waits for a beat. The median is that of a calm moment, however busy the machine is.
func TestLoneAdvertIsHeardAtOnce(t *testing.T) {
	const adverts = 21
	l := newLAN(t)
	l.address("192.0.2.1/24")
	c := l.config("web", 51, "192.0.2.10/24")
	h, heard := newHost(t), stampListener{newRecorder(), make(chan time.Time, 1)}
	must(t, h.Attach(c, heard))
	run(t, h)
	fd := l.packetDescriptor(0)
	defer unix.Close(fd)
	frame := frameFrom(net.HardwareAddr{2, 0, 0, 0, 0, 1}, groupMAC, advertFrom("192.0.2.2", "224.0.0.18", testAdvert(), nil))
	pace := time.NewTicker(crowdWindow / 2) // two in a window are no crowd
	defer pace.Stop()
	var took []time.Duration
	for range adverts {
		<-pace.C
		began := time.Now()
		_, err := unix.Write(fd, frame)
		must(t, err)
		select {
		case at := <-heard.at:
			took = append(took, at.Sub(began))
		case <-time.After(patience):
			t.Fatalf("not heard within %s", patience)
		}
	}
	slices.Sort(took)
	t.Logf("heard after %s at least, %s in the median, %s at most", took[0], took[adverts/2], took[adverts-1])
	if median := took[adverts/2]; median > longBeat/4 {
		t.Errorf("heard after %s in the median, want %s at most", median, longBeat/4)
	}
}

// sleeps returns how often the threads of this process went to sleep of their own accord.
func sleeps(t *testing.T) (n int) {
	t.Helper()
	threads, err := filepath.Glob("/proc/self/task/*/status")
	must(t, err)
	for _, name := range threads {
		f, err := os.Open(name)
		if err != nil { // it has ended
			continue
		}
		for s := bufio.NewScanner(f); s.Scan(); {
			if v, ok := strings.CutPrefix(s.Text(), "voluntary_ctxt_switches:"); ok {
				count, err := strconv.Atoi(strings.TrimSpace(v))
				must(t, err)
				n += count
			}
		}
		f.Close()
	}
	return n
}

func TestSocketsThatAreOpenedAndClosedLeaveNoFile(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	l.linkLocal(sourceAddr6)
	h := newHost(t)
	run(t, h)
	before := openFiles(t)
	for range 20 {
		must(t, h.Attach(l.config("web", 51, "192.0.2.10/24"), newRecorder()))
		must(t, h.Attach(l.config6("web6"), newRecorder()))
		h.Detach("web")
		h.Detach("web6")
	}
	if after := openFiles(t); after > before {
		t.Errorf("%d files are open, %d were before", after, before)
	}
}

// A router that cannot have all its sockets keeps none.
func TestRouterThatIsRefusedLeavesNoSocket(t *testing.T) {
	l := newLAN(t)
	l.address("192.0.2.1/24")
	h := newHost(t)
	inTheWay := l.config("other", 51, "198.51.100.10/24")
	inTheWay.Interface = "gone0"
	must(t, h.Attach(inTheWay, newRecorder()))
	c := l.config("web", 51, "192.0.2.10/24")
	c.Peers = []netip.Addr{netip.MustParseAddr("192.0.2.2")}
	c.Paths = []vrrp.Path{
		{Peer: c.Peers[0], Address: netip.MustParseAddr("203.0.113.2"), Interface: "lo"},
		{Peer: c.Peers[0], Address: netip.MustParseAddr("198.51.100.2"), Interface: inTheWay.Interface},
	}
	refused := func(what string, ask func() error) {
		before := openFiles(t)
		if ask() == nil {
			t.Fatalf("%s: a path over the interface of another router with the VRID was accepted", what)
		}
		if after := openFiles(t); after != before {
			t.Errorf("%d files are open after a refused %s, %d were before", after, what, before)
		}
	}
	refused("Attach", func() error { return h.Attach(c, newRecorder()) })
	must(t, h.Attach(l.config("web", 52, "192.0.2.10/24"), newRecorder()))
	refused("Configure", func() error { return h.Configure(c) })
}
