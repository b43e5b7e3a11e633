package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/checkers"
)

// What the issue of the checkers asks for.
const (
	checkedServers  = 50000
	checkInterval   = 5 * time.Second
	checkTimeout    = time.Second
	flippingServers = 5000 // each changes its state every second
	flippingFor     = 10 * time.Second

	latestProbe    = 250.0 // ms, at the 99th percentile
	mostCheckCPU   = 100.0 // % of a core
	mostPerServer  = 10.0  // KB resident
	mostDetection  = float64((checkInterval + checkTimeout + 100*time.Millisecond) / time.Millisecond)
	checksSettle   = 2*checkInterval + time.Second // the probes are spread over an interval from the second one on
	failuresToSee  = 5
	victimEvery    = checkedServers / failuresToSee
	respondersFlag = "answer"
)

// measureChecks has 50,000 TCP checks run against a process on loopback, in which each server is an address of 127.0.0.0/8.
func measureChecks(ctx context.Context, o options) ([]Metric, error) {
	steady, err := runChecks(ctx, o.scale)
	if err != nil {
		return nil, fmt.Errorf("%d checks: %w", checkedServers, err)
	}
	lost, err := flip(ctx)
	if err != nil {
		return nil, fmt.Errorf("%d changes a second: %w", flippingServers, err)
	}
	one := func(f float64) Figures { return Figures{govrrpd: {f}} }
	most := func(f float64) func(float64) float64 { return func(float64) float64 { return f } }
	name := fmt.Sprintf("%d TCP checks every %s: ", checkedServers, checkInterval)
	return []Metric{
		newMetric(name+"probe late, 99th percentile", one(steady.late), most(latestProbe)),
		newMetric(name+"CPU", one(steady.cpu), most(mostCheckCPU)).in("% of a core"),
		newMetric(name+"memory of a server", one(steady.memory), most(mostPerServer)).in("KB"),
		newMetric(name+"one failure is reported after, the latest of five", one(slices.Max(steady.detected)), most(mostDetection)),
		newMetric(name+"false alarms", one(float64(steady.alarms)), nil).in("").none(),
		newMetric(fmt.Sprintf("%d changes of state a second: lost", flippingServers), one(float64(lost)), nil).in("").none(),
	}, nil
}

// steadyChecks is what the 50,000 cost and told.
type steadyChecks struct {
	late, cpu, memory float64
	detected          []float64 // ms
	alarms            int
}

// A stopwatch is a TCP check that notes how late it begins.
type stopwatch struct {
	checkers.TCP
	last time.Time // one probe at a time
	note func(time.Duration)
}

// Check asks.
func (s *stopwatch) Check(ctx context.Context) error {
	now := time.Now()
	if !s.last.IsZero() {
		s.note(now.Sub(s.last) - checkInterval)
	}
	s.last = now
	return s.TCP.Check(ctx)
}

func runChecks(ctx context.Context, span time.Duration) (out steadyChecks, err error) {
	port, stop, err := startResponder(ctx)
	if err != nil {
		return out, err
	}
	defer stop()
	victims, err := newVictims()
	if err != nil {
		return out, err
	}
	base, err := resident()
	if err != nil {
		return out, err
	}
	var l lateness
	downs := make(chan time.Time, checkedServers)
	set := checkers.NewSet(func(_ string, v checkers.Verdict) {
		if !v.Up {
			downs <- time.Now()
		}
	}, slog.New(slog.DiscardHandler))
	set.Configure(checksOf(port, victims, l.note))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- set.Run(ctx) }()
	if out, err = steady(ctx, span, &l, base); err != nil {
		return out, err
	}
	out.alarms = len(downs)
	if out.detected, err = kill(victims, downs); err != nil {
		return out, err
	}
	cancel()
	return out, <-ended
}

// steady measures what the checks cost in a span of time.
func steady(ctx context.Context, span time.Duration, l *lateness, base int) (out steadyChecks, err error) {
	if err := pause(ctx, checksSettle); err != nil {
		return out, err
	}
	l.measuring.Store(true)
	before, began := used(), time.Now()
	if err := pause(ctx, span); err != nil {
		return out, err
	}
	out.cpu = 100 * float64(used()-before) / float64(time.Since(began))
	l.measuring.Store(false)
	debug.FreeOSMemory()
	now, err := resident()
	if err != nil {
		return out, err
	}
	out.memory = float64(now-base) / 1000 / checkedServers
	out.late, err = l.percentile(99)
	return out, err
}

// kill ends servers one after the other, and returns how long each took to be noticed, in ms.
func kill(victims []net.Listener, downs <-chan time.Time) (out []float64, err error) {
	for _, v := range victims {
		died := time.Now()
		_ = v.Close()
		select {
		case at := <-downs:
			out = append(out, ms(at.Sub(died)))
		case <-time.After(2 * checkInterval):
			return out, errors.New("a dead server is not reported")
		}
	}
	return out, nil
}

// lateness is how late probes were while it was measured.
type lateness struct {
	measuring atomic.Bool
	mu        sync.Mutex
	late      []float64 // ms
}

func (l *lateness) note(d time.Duration) {
	if l.measuring.Load() {
		l.mu.Lock()
		l.late = append(l.late, ms(max(0, d)))
		l.mu.Unlock()
	}
}

func (l *lateness) percentile(p int) (float64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.late) == 0 {
		return 0, errors.New("no server was asked twice")
	}
	slices.Sort(l.late)
	return l.late[len(l.late)*p/100], nil
}

// newVictims returns listeners that are to die: servers of ports of their own.
func newVictims() (out []net.Listener, err error) {
	for range failuresToSee {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		go answerAll(l)
		out = append(out, l)
	}
	return out, nil
}

// checksOf are those of all servers; the victims are among them, far from each other, so that their probes are, too.
func checksOf(port uint16, victims []net.Listener, note func(time.Duration)) []checkers.Config {
	out := make([]checkers.Config, checkedServers)
	for i := range out {
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, byte(1 + i>>16), byte(i >> 8), byte(i)}), port)
		if v := i / victimEvery; i%victimEvery == v*victimEvery/failuresToSee/2 && v < len(victims) {
			addr = victims[v].Addr().(*net.TCPAddr).AddrPort()
		}
		out[i] = checkers.Config{
			Name: "shop " + addr.String() + " tcp", Interval: checkInterval, Timeout: checkTimeout, Rise: 1, Fall: 1,
			Checker: &stopwatch{TCP: checkers.TCP{Target: checkers.Target{Addr: addr}}, note: note},
		}
	}
	return out
}

// flip has servers change their state with each probe, and returns of how many the last report is not the truth.
func flip(ctx context.Context) (lost int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var reports atomic.Int64
	var mu sync.Mutex
	told := map[string]bool{}
	set := checkers.NewSet(func(name string, v checkers.Verdict) {
		reports.Add(1)
		mu.Lock()
		told[name] = v.Up
		mu.Unlock()
	}, slog.New(slog.DiscardHandler))
	servers := make([]*flipper, flippingServers)
	cfgs := make([]checkers.Config, flippingServers)
	var frozen atomic.Bool
	for i := range servers {
		servers[i] = &flipper{frozen: &frozen}
		cfgs[i] = checkers.Config{Name: strconv.Itoa(i), Checker: servers[i], Interval: time.Second, Timeout: time.Second, Rise: 1, Fall: 1}
	}
	set.Configure(cfgs)
	ended := make(chan error, 1)
	go func() { ended <- set.Run(ctx) }()
	if err := pause(ctx, flippingFor); err != nil {
		return 0, err
	}
	frozen.Store(true)
	if err := pause(ctx, 3*time.Second); err != nil { // each is asked once more at least
		return 0, err
	}
	cancel()
	err = <-ended
	changes := int64(0)
	for i, s := range servers {
		changes += s.changes.Load()
		if told[strconv.Itoa(i)] != s.well.Load() {
			lost++
		}
	}
	fmt.Fprintf(os.Stderr, "%d changes of state in %s, %d reported\n", changes, flippingFor, reports.Load())
	return lost + int(changes-reports.Load()), err
}

// A flipper is well and unwell in turn until it is frozen.
type flipper struct {
	frozen  *atomic.Bool
	well    atomic.Bool
	changes atomic.Int64
}

// Check answers.
func (f *flipper) Check(context.Context) error {
	if !f.frozen.Load() {
		f.well.Store(!f.well.Load())
		f.changes.Add(1)
	}
	if f.well.Load() {
		return nil
	}
	return errors.New("unwell")
}

// startResponder starts this program again as the one that all connect to, and returns its port.
func startResponder(ctx context.Context) (port uint16, stop func(), err error) {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", "-"+respondersFlag)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, nil, err
	}
	if err := cmd.Start(); err != nil {
		return 0, nil, err
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err == nil {
		var n uint64
		n, err = strconv.ParseUint(strings.TrimSpace(line), 10, 16)
		port = uint16(n)
	}
	if err != nil {
		stop()
		return 0, nil, fmt.Errorf("the responder: %w", err)
	}
	return port, stop, nil
}

// respond is the responder: it prints its port, and answers.
func respond() error {
	l, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr().(*net.TCPAddr).Port)
	answerAll(l)
	return nil
}

// An acceptor counts what it accepts.
type acceptor struct {
	net.Listener
	accepted atomic.Int64
}

// Accept accepts.
func (a *acceptor) Accept() (net.Conn, error) {
	c, err := a.Listener.Accept()
	if err == nil {
		a.accepted.Add(1)
	}
	return c, err
}

// answerAll accepts, and closes after the other side has.
func answerAll(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			_, _ = conn.Read(make([]byte, 1))
			_ = conn.Close()
		}()
	}
}

// resident returns the memory of this process in bytes, after a collection.
func resident() (int, error) {
	runtime.GC()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	var size, pages int
	_, err = fmt.Sscan(string(text), &size, &pages)
	return pages * os.Getpagesize(), err
}

// used returns the time of CPUs that this process has used.
func used() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u) // it fails for other arguments than these
	return time.Duration(unix.TimevalToNsec(u.Utime) + unix.TimevalToNsec(u.Stime))
}

// pause waits, but not longer than ctx.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
