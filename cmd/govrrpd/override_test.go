package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/ipvs/pool"
)

// A memoryKernel is a kernel's table of one service, with the connections that a test gives its servers.
type memoryKernel struct {
	mu      sync.Mutex
	service *ipvs.Service
	dests   []ipvs.Dest
	loads   map[netip.AddrPort]int
}

func (k *memoryKernel) Table() (ipvs.Table, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.service == nil {
		return ipvs.Table{}, nil
	}
	e := ipvs.Entry{Service: *k.service, Dests: append([]ipvs.Dest{}, k.dests...)}
	for _, d := range k.dests {
		e.Loads = append(e.Loads, ipvs.Load{Active: k.loads[d.Addr]})
	}
	return ipvs.Table{k.service.Key: e}, nil
}

func (k *memoryKernel) Apply(ops []ipvs.Op) []error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, op := range ops {
		switch op.Verb {
		case ipvs.AddService, ipvs.EditService:
			k.service = &op.Service
		case ipvs.DeleteService:
			k.service, k.dests = nil, nil
		case ipvs.AddDest, ipvs.EditDest, ipvs.DeleteDest:
			k.put(op)
		}
	}
	return make([]error, len(ops))
}

func (k *memoryKernel) put(op ipvs.Op) {
	var rest []ipvs.Dest
	for _, d := range k.dests {
		if d.Addr != op.Dest.Addr {
			rest = append(rest, d)
		}
	}
	if op.Verb != ipvs.DeleteDest {
		rest = append([]ipvs.Dest{op.Dest}, rest...)
	}
	k.dests = rest
}

// weights are those in the table, by address.
func (k *memoryKernel) weights() map[string]int {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := map[string]int{}
	for _, d := range k.dests {
		out[d.Addr.String()] = d.Weight
	}
	return out
}

func (k *memoryKernel) carry(server string, n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.loads = map[netip.AddrPort]int{netip.MustParseAddrPort(server): n}
}

const serverA, serverB = "10.0.0.1:80", "10.0.0.2:80"

// controlled starts an engine behind a control socket and returns the socket and the kernel.
func controlled(t *testing.T) (socket string, k *memoryKernel) {
	t.Helper()
	k = &memoryKernel{}
	socket = filepath.Join(t.TempDir(), "control.sock")
	d := &daemon{socket: socket, log: slog.New(slog.DiscardHandler)}
	d.engine = ipvs.NewEngine(k, d.log, ipvs.Options{Refresh: 100 * time.Millisecond, OnOverrides: d.rememberOverrides})
	d.engine.Configure([]ipvs.VirtualServer{{
		Name: "shop", Service: ipvs.Service{Scheduler: "wlc"},
		Keys:    []ipvs.Key{{Proto: ipvs.TCP, Addr: netip.MustParseAddrPort("192.0.2.10:80")}},
		Servers: []ipvs.RealServer{{Addr: netip.MustParseAddrPort(serverA), Weight: 1}, {Addr: netip.MustParseAddrPort(serverB), Weight: 1}},
	}})
	listener, err := listenUnix(socket)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	d.serveOverrides(mux)
	server := &http.Server{Handler: mux, ConnContext: withCaller}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { _ = d.engine.Run(ctx) })
	all.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() { cancel(); _ = server.Close(); all.Wait() })
	within(t, func() bool { return len(k.weights()) == 2 })
	return socket, k
}

// within waits for a condition.
func within(t *testing.T, met func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); !met(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("it did not come about")
		}
	}
}

func TestOverridesByTheControlSocket(t *testing.T) {
	socket, k := controlled(t)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []struct {
		path    string
		code    int
		words   string // of the error
		weights map[string]int
	}{
		{"shop/10.0.0.1/weight?weight=5", 200, "", map[string]int{serverA: 5, serverB: 1}},
		{"shop/10.0.0.1/weight?weight=default", 200, "", map[string]int{serverA: 1, serverB: 1}},
		{"shop/10.0.0.1/weight", 400, "0 to 65535", map[string]int{serverA: 1, serverB: 1}},
		{"shop/10.0.0.1/weight?weight=-1", 400, "0 to 65535", map[string]int{serverA: 1, serverB: 1}},
		{"shop/10.0.0.1/drain?deadline=soon", 400, "such as 10m", map[string]int{serverA: 1, serverB: 1}},
		{"shop/10.0.0.1/disable?deadline=10m", 400, "of a drain", map[string]int{serverA: 1, serverB: 1}},
		{"shop/10.0.0.1/disable?reason=" + strings.Repeat("x", 201), 400, "at most 200", map[string]int{serverA: 1, serverB: 1}},
		{"shop/10.0.0.9/disable", 404, "there are " + serverA, map[string]int{serverA: 1, serverB: 1}},
		{"ship/10.0.0.1/disable", 404, "there are shop", map[string]int{serverA: 1, serverB: 1}},
		{"shop/10.0.0.1:80/disable?reason=broken%0A%1B%20disk", 200, "", map[string]int{serverB: 1}},
		{"shop/10.0.0.2/drain", 409, "nobody would serve", map[string]int{serverB: 1}},
		{"shop/10.0.0.2/drain?deadline=10m&force=true", 200, "", map[string]int{serverB: 0}},
		{"shop/10.0.0.2/enable", 200, "", map[string]int{serverB: 1}},
	} {
		var result overrideResult
		code, err := askDaemon(t.Context(), controlDeadline, socket, http.MethodPost, "/api/v1/ipvs/"+s.path, &result)
		if err != nil || code != s.code || !strings.Contains(result.Error, s.words) || (result.Error == "") != (s.words == "") {
			t.Errorf("%s: %d %q, %v; want %d %q", s.path, code, result.Error, err, s.code, s.words)
		}
		if d := cmp.Diff(s.weights, k.weights()); d != "" {
			t.Errorf("%s: weights (-want +got):\n%s", s.path, d)
		}
	}
	var result overrideResult
	if _, err := askDaemon(t.Context(), controlDeadline, socket, http.MethodGet, "/api/v1/ipvs/shop/10.0.0.1", &result); err != nil || result.Report == nil || result.Report.Override == nil {
		t.Fatalf("%+v, %v", result, err)
	}
	if said := result.Report.Override; said.Kind != pool.Disable || !strings.HasPrefix(said.By.Who, me.Username) || said.By.Why != "broken disk" {
		t.Errorf("%+v, want it disabled by %s", said, me.Username)
	}
	kept := (&daemon{socket: socket, log: slog.New(slog.DiscardHandler)}).recallOverrides()
	if len(kept) != 1 || kept[0].Server.String() != serverA || kept[0].By.Why != "broken disk" {
		t.Errorf("for the next director there is %+v", kept)
	}
}

func TestBrokenOverridesFileIsReadAsFarAsItCanBe(t *testing.T) {
	var log strings.Builder
	d := &daemon{socket: filepath.Join(t.TempDir(), "control.sock"), log: slog.New(slog.NewTextHandler(&log, nil))}
	text := `{"version":1,"overrides":[{"service":"shop","server":"nonsense"},{"service":"shop","server":"10.0.0.1:80","kind":"disable"}]}`
	if err := os.WriteFile(d.overridesFile(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := d.recallOverrides(); len(got) != 1 || got[0].Kind != pool.Disable || !strings.Contains(log.String(), "nonsense") {
		t.Errorf("%+v, log %s", got, log.String())
	}
}

// called runs a command line, and returns its exit status, standard output and errors.
func called(t *testing.T, args ...string) (status int, out string) {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = write, write
	defer func() { os.Stdout, os.Stderr = stdout, stderr }()
	text := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(read)
		text <- string(b)
	}()
	status = execute(t.Context(), args)
	_ = write.Close()
	return status, <-text
}

func TestOverrideCommands(t *testing.T) {
	socket, k := controlled(t)
	k.carry(serverA, 3)
	for _, s := range []struct {
		args   string
		status int
		words  []string
	}{
		{"drain shop", exitUsage, []string{"want VS", "drain --help"}},
		{"weight shop 10.0.0.1", exitUsage, []string{"a weight or `default`"}},
		{"weight shop 10.0.0.1 heavy", exitUsage, []string{"weight heavy: want 0 to 65535"}},
		{"weight shop 10.0.0.1 7", 0, []string{"10.0.0.1:80 of shop has weight 7 until `govrrpd weight shop 10.0.0.1:80 default`"}},
		{"drain shop 10.0.0.1 --deadline -1s", exitUsage, []string{"above 0"}},
		{"drain shop 10.0.0.1 --deadline 10m --reason kernel", 0, []string{"10.0.0.1:80 of shop drains: ", "at most 10m0s", "`govrrpd enable shop 10.0.0.1:80`"}},
		{"disable shop 10.0.0.2", exitFailed, []string{"no other server of shop takes connections", "--force"}},
		{"enable shop 10.0.0.1", 0, []string{"10.0.0.1:80 of shop is enabled", "warning: its weight stays 7"}},
		{"weight shop 10.0.0.1 default", 0, []string{"has the weight of its checks or its configuration"}},
		{"disable shop 10.0.0.3", exitFailed, []string{"there are 10.0.0.1:80, 10.0.0.2:80"}},
	} {
		status, out := called(t, append(strings.Fields(s.args), "--socket", socket)...)
		if status != s.status {
			t.Errorf("%s: exit status %d, want %d", s.args, status, s.status)
		}
		for _, word := range s.words {
			if !strings.Contains(out, word) {
				t.Errorf("%s: printed %q, want %q in it", s.args, out, word)
			}
		}
	}
	status, out := called(t, "drain", "shop", "10.0.0.1", "--socket", filepath.Join(t.TempDir(), "none.sock"))
	if status != exitFailed || !strings.Contains(out, "is govrrpd running") {
		t.Errorf("without a director: %d %s", status, out)
	}
}

func TestDrainWaits(t *testing.T) {
	for _, tt := range []struct {
		name   string
		args   []string
		carry  int
		status int
		words  []string
	}{
		{"until it has drained", nil, 0, 0, []string{"drains: 0 active connections, 0 inactive", "10.0.0.1:80 of shop has drained"}},
		{"until its deadline", []string{"--deadline=1s"}, 2, exitDeadline, []string{"2 active connections", "still had connections"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			socket, k := controlled(t)
			k.carry(serverA, tt.carry)
			call := overrideCall{service: "shop", server: serverA, socket: socket}
			within(t, func() bool {
				is, err := call.ask(t.Context(), http.MethodGet, call.path())
				return err == nil && is.ActiveConns == tt.carry
			})
			status, out := called(t, append([]string{"drain", "shop", "10.0.0.1", "--wait", "--socket", socket}, tt.args...)...)
			if status != tt.status {
				t.Errorf("exit status %d, want %d", status, tt.status)
			}
			for _, word := range tt.words {
				if !strings.Contains(out, word) {
					t.Errorf("printed %q, want %q in it", out, word)
				}
			}
			if d := cmp.Diff(map[string]int{serverB: 1}, k.weights()); d != "" {
				t.Errorf("weights (-want +got):\n%s", d)
			}
		})
	}
}

func TestWhatADrainThatIsWaitedForMayComeTo(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	drained := &pool.Override{Kind: pool.Drain, Drained: at}
	for _, tt := range []struct {
		is    ipvs.ServerReport
		done  bool
		words string
	}{
		{ipvs.ServerReport{Override: &pool.Override{Kind: pool.Drain}, Applied: true}, false, ""},
		{ipvs.ServerReport{Override: drained, Applied: true}, true, ""},
		{ipvs.ServerReport{Override: drained}, false, ""},
		{ipvs.ServerReport{Override: drained, Error: "no memory"}, true, "refuses a change: no memory"},
		{ipvs.ServerReport{Override: drained, Applied: true, Error: "of another server"}, true, ""},
		{ipvs.ServerReport{Override: &pool.Override{Kind: pool.Drain, Drained: at, Cut: true}, Applied: true}, true, "still had connections"},
		{ipvs.ServerReport{}, true, "was taken back"},
		{ipvs.ServerReport{Override: &pool.Override{Weight: new(3)}}, true, "was taken back"},
		{ipvs.ServerReport{Override: &pool.Override{Kind: pool.Disable, By: pool.Saying{Who: "alice"}}}, true, "disabled by alice"},
	} {
		done, err := (&overrideCall{}).drained(tt.is)
		if done != tt.done || (err == nil) != (tt.words == "") || err != nil && !strings.Contains(err.Error(), tt.words) {
			t.Errorf("%+v: %t, %v; want %t, %q", tt.is, done, err, tt.done, tt.words)
		}
	}
}

func TestPersistenceThatKeepsClientsComingIsTold(t *testing.T) {
	persistent := ipvs.ServerReport{Service: "shop", Persistence: 5 * time.Minute, Override: &pool.Override{Kind: pool.Drain}}
	for _, tt := range []struct {
		name    string
		order   ipvs.Order
		is      ipvs.ServerReport
		expires bool
		want    bool
	}{
		{"drain", ipvs.Order{Command: ipvs.DrainServer}, persistent, false, true},
		{"weight 0", ipvs.Order{Command: ipvs.Weigh, Weight: new(0)}, persistent, false, true},
		{"weight 1", ipvs.Order{Command: ipvs.Weigh, Weight: new(1)}, persistent, false, false},
		{"disable", ipvs.Order{Command: ipvs.DisableServer}, persistent, false, false},
		{"with the setting", ipvs.Order{Command: ipvs.DrainServer}, persistent, true, false},
		{"without persistence", ipvs.Order{Command: ipvs.DrainServer}, ipvs.ServerReport{Service: "shop"}, false, false},
	} {
		got := persistenceWarning(tt.order, tt.is, tt.expires)
		if (got != "") != tt.want || tt.want && !strings.Contains(got, "expire_quiescent_template") {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
}

func TestOverrideInStatus(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	by := pool.Saying{Who: "root", When: now.Add(-5 * time.Minute), Why: "a new kernel"}
	for _, tt := range []struct {
		is   ipvs.ServerStatus
		want string
	}{
		{ipvs.ServerStatus{Up: true}, "up"},
		{ipvs.ServerStatus{Up: true, Reason: "draining", Override: &pool.Override{Kind: pool.Drain, Deadline: now.Add(time.Minute), By: by}},
			"up: draining, at most 1m0s, by root 5m0s ago: a new kernel"},
		{ipvs.ServerStatus{Reason: "drained", Override: &pool.Override{Kind: pool.Drain, Drained: now.Add(-time.Minute), By: by}},
			"DOWN: drained 1m0s ago, by root 5m0s ago: a new kernel"},
		{ipvs.ServerStatus{Up: true, Reason: "drained", Override: &pool.Override{Kind: pool.Drain, Drained: now.Add(-time.Minute), Cut: true, By: by}},
			"up: drained, cut short 1m0s ago, by root 5m0s ago: a new kernel"},
		{ipvs.ServerStatus{Up: true, Reason: "disabled", Override: &pool.Override{Kind: pool.Disable, By: by, Weight: new(3), WeightBy: pool.Saying{Who: "alice", When: now}}},
			"up: disabled, by root 5m0s ago: a new kernel; weight 3, by alice 0s ago"},
		{ipvs.ServerStatus{Up: true, Reason: "below quorum", Override: &pool.Override{Weight: new(3), WeightBy: by}},
			"up: below quorum: weight 3, by root 5m0s ago: a new kernel"},
	} {
		if got := serverState(tt.is, now); got != tt.want {
			t.Errorf("%q\nwant %q", got, tt.want)
		}
	}
	var text strings.Builder
	writeStrays(&text, []ipvs.ServerOverride{{Service: "shop", Server: netip.MustParseAddrPort(serverA), Override: pool.Override{Kind: pool.Disable, By: by}}}, now)
	if !strings.Contains(text.String(), "10.0.0.1:80 of shop: disabled, by root") {
		t.Errorf("strays: %s", text.String())
	}
}

func TestServersAreCompleted(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "control.sock")
	listener, err := listenUnix(socket)
	if err != nil {
		t.Fatal(err)
	}
	status := Status{IPVS: []ipvs.ServiceStatus{{Name: "shop", RealServers: []ipvs.ServerStatus{{Address: netip.MustParseAddrPort(serverB)},
		{Address: netip.MustParseAddrPort(serverA)}}}, {Name: "mail"}, {Name: "shop"}}}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(status) })}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	for _, tt := range []struct{ args, want []string }{
		{nil, []string{"mail", "shop"}}, {[]string{"shop"}, []string{serverA, serverB}}, {[]string{"shop", serverA}, nil},
	} {
		if d := cmp.Diff(tt.want, completeServer(t.Context(), socket, tt.args)); d != "" {
			t.Errorf("after %q (-want +got):\n%s", tt.args, d)
		}
	}
}

func TestOverridePathsAreEscaped(t *testing.T) {
	call := overrideCall{service: "a/b c", server: "[2001:db8::1]:80"}
	parts := strings.Split(strings.TrimPrefix(call.path(), "/api/v1/ipvs/"), "/")
	if len(parts) != 2 {
		t.Fatalf("path %s", call.path())
	}
	for i, want := range []string{"a/b c", "[2001:db8::1]:80"} {
		if got, err := url.PathUnescape(parts[i]); err != nil || got != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
}
