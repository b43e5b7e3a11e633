//go:build lab

package ipvs

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A logBuffer may be read while an Engine writes to it.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// run runs an Engine on the kernel until the test ends, or stop is called.
func run(t *testing.T, k Kernel, o Options, vs ...VirtualServer) (e *Engine, log *logBuffer, stop func()) {
	t.Helper()
	log = &logBuffer{}
	e = NewEngine(k, slog.New(slog.NewTextHandler(log, nil)), o)
	e.Configure(vs)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(stop)
	return e, log, stop
}

// eventually waits until ok, and fails with what show returns when that takes too long.
func eventually(t *testing.T, claim string, ok func() bool, show func() string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("not after 20 s: %s\n%s", claim, show())
		case <-tick.C:
		}
	}
}

// shopRules is shop as ipvsadm lists it.
var shopRules = []string{
	"-A -t 192.0.2.10:80 -s wlc\n",
	"-a -t 192.0.2.10:80 -r 10.0.0.1:80 -m -w 10\n",
	"-a -t 192.0.2.10:80 -r 10.0.0.2:80 -m -w 20\n",
}

func TestEngineKeepsItsServicesInTheKernelAndLeavesOthersAlone(t *testing.T) {
	n := namespace(t)
	foreign := []string{"-A -u 192.0.2.10:53 -s rr\n", "-a -u 192.0.2.10:53 -r 10.9.9.9:53 -m -w 7\n"}
	for _, rule := range foreign {
		ipvsadm(t, strings.Fields(rule)...)
	}
	all := slices.Concat(shopRules, foreign)
	e, log, stop := run(t, n, Options{Refresh: 100 * time.Millisecond, Flush: true}, withSorry(shop()))
	is := func(claim string, want []string) {
		t.Helper()
		want = slices.Sorted(slices.Values(want))
		eventually(t, claim, func() bool { return cmp.Equal(want, saved(t)) },
			func() string { return cmp.Diff(want, saved(t)) + log.String() })
	}
	is("programmed", all)

	ipvsadm(t, "-d", "-t", "192.0.2.10:80", "-r", "10.0.0.1:80")
	is("a server that was removed returns", all)
	ipvsadm(t, "-e", "-t", "192.0.2.10:80", "-r", "10.0.0.1:80", "-m", "-w", "3")
	is("a weight that was changed returns", all)
	ipvsadm(t, "-D", "-t", "192.0.2.10:80")
	is("a service that was removed returns", all)
	ipvsadm(t, "-E", "-t", "192.0.2.10:80", "-s", "sh", "-p", "60", "-b", "sh-port")
	is("options that were changed return", all)
	if got := e.Status().DriftRepaired; got < 6 {
		t.Errorf("drift counted %d, want at least 6", got)
	}

	ids := []ServerID{{shop().Name, shop().Servers[0].Addr}, {shop().Name, shop().Servers[1].Addr}}
	for _, id := range ids {
		e.SetHealth(id, Verdict{Condition: Down})
	}
	is("the sorry server alone", slices.Concat(shopRules[:1], []string{"-a -t 192.0.2.10:80 -r 10.0.0.99:80 -g -w 1\n"}, foreign))
	eventually(t, "the status says so", func() bool { return e.Status().Services[0].SorryActive }, log.String)
	for _, id := range ids {
		e.SetHealth(id, Verdict{Condition: Up})
	}
	is("both servers, no sorry server", all)

	stop()
	is("ours removed at the end", foreign)
}

func TestEngineReplacedByAnotherChangesNothing(t *testing.T) {
	n := namespace(t)
	e, log, stop := run(t, n, Options{}, shop())
	eventually(t, "programmed", func() bool { return cmp.Equal(shopRules, saved(t)) }, log.String)
	e.SetHealth(ServerID{shop().Name, shop().Servers[0].Addr}, Verdict{Condition: Down})
	left := []string{shopRules[0], shopRules[2]}
	eventually(t, "one server left", func() bool { return cmp.Equal(left, saved(t)) }, log.String)
	stop()

	next, log, _ := run(t, n, Options{Owned: []Key{shop().Keys[0]}}, shop())
	eventually(t, "the next one has read the table", func() bool { return !next.Status().LastRead.IsZero() }, log.String)
	if s := next.Status(); s.Applied != 0 || s.Services[0].RealServers[0].Up {
		t.Errorf("status %+v, want no change and the first server still down", s)
	}
	if d := cmp.Diff(left, saved(t)); d != "" {
		t.Errorf("ipvsadm -Sn (-want +got):\n%s", d)
	}
}

func TestEngineServesTheRestWhenTheKernelLacksAScheduler(t *testing.T) {
	n := namespace(t)
	bad := shop()
	bad.Name, bad.Keys, bad.Scheduler = "bad", []Key{tcp("192.0.2.11:80")}, "nonsense"
	e, log, _ := run(t, n, Options{}, bad, shop())
	eventually(t, "the other service is there", func() bool { return cmp.Equal(shopRules, saved(t)) }, log.String)
	const text = `scheduler "nonsense" is unknown to this kernel: is module ip_vs_nonsense there?`
	eventually(t, "the status has the error", func() bool {
		s := e.Status().Services
		return len(s) == 2 && strings.Contains(s[0].Error, text) && s[1].Error == ""
	}, func() string { return fmt.Sprintf("%+v", e.Status()) })
	bad.Scheduler = "rr"
	e.Configure([]VirtualServer{bad, shop()})
	eventually(t, "put right by a reload", func() bool {
		return strings.Contains(ipvsadm(t, "-S", "-n"), "-A -t 192.0.2.11:80 -s rr") && e.Status().Services[0].Error == ""
	}, log.String)
}

func TestEngineProgramsAThousandServices(t *testing.T) {
	n := namespace(t)
	began := time.Now()
	e, log, _ := run(t, n, Options{}, thousand()...)
	eventually(t, "programmed", func() bool { return e.Status().Applied == 11_000 }, log.String)
	t.Logf("from Configure to the last of 11,000 changes: %s", time.Since(began))
	if got := strings.Count(ipvsadm(t, "-S", "-n"), "\n"); got != 11_000 {
		t.Errorf("ipvsadm -Sn has %d lines, want 11,000", got)
	}
}

// In one boot, side by side: the times are what user-mode-linux makes of them, where each system call is dear; the ratio on a real
// kernel is smaller.
func TestNetlinkProgramsAThousandServicesFasterThanOneByOne(t *testing.T) {
	n := namespace(t)
	want := Desired(thousand(), nil)
	ops := Diff(nil, want)

	began := time.Now()
	apply(t, n, ops)
	batched := time.Since(began)

	began = time.Now()
	got, err := n.Table()
	read := time.Since(began)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, asAddress); d != "" {
		t.Fatalf("table (-want +got):\n%.2000s", d)
	}
	for k := range got {
		s, ok, err := n.entry(k)
		if err != nil || !ok || !sameEntry(s, want[k]) {
			t.Fatalf("%s by itself: %+v, %v, %v", k, s, ok, err)
		}
	}

	ipvsadm(t, "-C")
	m := newMobyKernel(t)
	began = time.Now()
	apply(t, m, ops)
	oneByOne := time.Since(began)

	t.Logf("%d changes: batched %s, moby/ipvs one by one %s (%.0f times); read in %s", len(ops), batched, oneByOne,
		float64(oneByOne)/float64(batched), read)
	if oneByOne < 3*batched {
		t.Errorf("one by one took %s, want at least three times as long as batched, %s", oneByOne, batched)
	}
}
