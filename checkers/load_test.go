package checkers

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A gauge is a Gauge that a test sets.
type gauge struct {
	mu    sync.Mutex
	load  float64
	fault error
}

func (g *gauge) Measure(context.Context) (float64, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.load, g.fault
}

func (g *gauge) set(load float64, fault error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.load, g.fault = load, fault
}

func TestAWeightFollowsTheLoadAndSilenceReturnsItToItsBase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		g := &gauge{load: 4}
		s := runSet(t, j.report, 16)
		c := everySecond("a", Load{Gauge: g, Policy: Policy{Kind: Piranha, Base: 100}})
		c.Fall = 3
		s.Configure([]Config{c})
		after(1500 * time.Millisecond)
		j.want(t, "a up weight 100")
		g.set(0.1, nil)
		after(2 * time.Second)
		j.want(t, "a up weight 148", "a up weight 196")
		g.set(0, errors.New("no answer"))
		after(2 * time.Second)
		j.want(t)
		after(time.Second)
		j.want(t, "a down: no answer")
		g.set(0.1, nil)
		after(time.Second)
		j.want(t, "a up weight 148") // from the base again
		for _, bad := range []float64{-1, math.NaN(), math.Inf(1)} {
			g.set(bad, nil)
			after(time.Second)
			if last := s.Status()[0].Last; last.OK || !strings.Contains(last.Reason, "want a number of 0 or more") {
				t.Errorf("a load of %v is taken: %+v", bad, last)
			}
		}
	})
}

// webLoad returns a server that says a load in all the ways that there are, and fails where it is told to.
func webLoad(t *testing.T) HTTP {
	mux := http.NewServeMux()
	mux.HandleFunc("/header", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Load", "0.75") })
	mux.HandleFunc("/json", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"system":{"load":[0.5,1],"word":"high"}}`)
	})
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "# HELP node_load1 1m load average.\n# TYPE node_load1 gauge\nnode_load1 2.25\nnode_load15 9\n",
			"in_flight{handler=\"a}b\"} 3 1700000000000\nin_flight{handler=\"c\"} 4\nbad{} x\n")
		if r.URL.RawQuery == "much" {
			fmt.Fprint(w, strings.Repeat("filler 1\n", maxBody), "late 1\n")
		}
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return HTTP{Target: Target{Addr: netip.MustParseAddrPort(s.Listener.Addr().String())}}
}

func TestGaugesReadLoads(t *testing.T) {
	web := webLoad(t)
	at := func(path string) HTTP {
		c := web
		c.Path = path
		return c
	}
	line := func(text string) TCPLoad {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
				_, _ = conn.Write([]byte(text))
				_ = conn.Close()
			}
		}()
		return TCPLoad{Target: Target{Addr: netip.MustParseAddrPort(l.Addr().String())}}
	}
	file := filepath.Join(t.TempDir(), "load")
	if err := os.WriteFile(file, []byte("0.33 0.40 0.41 1/234 567\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	script := func(command ...string) ScriptLoad { return ScriptLoad{Script{Command: command}} }
	for name, c := range map[string]struct {
		gauge Gauge
		want  float64
		wrong string
	}{
		"header":            {PageLoad{HTTP: at("/header"), Header: "X-Load"}, 0.75, ""},
		"no header":         {PageLoad{HTTP: at("/header"), Header: "X-Lead"}, 0, "header X-Lead is \"\", want a number"},
		"json":              {PageLoad{HTTP: at("/json"), Value: "system.load.0"}, 0.5, ""},
		"json, no number":   {PageLoad{HTTP: at("/json"), Value: "system.word"}, 0, `system.word is "high", want a number`},
		"json, not there":   {PageLoad{HTTP: at("/json"), Value: "system.none"}, 0, "there is no system.none"},
		"no json":           {PageLoad{HTTP: at("/metrics"), Value: "a"}, 0, "body is not JSON"},
		"no page":           {PageLoad{HTTP: at("/none"), Value: "a"}, 0, "status 404"},
		"metric":            {NodeExporter{HTTP: at("/metrics"), Metric: "node_load1"}, 2.25, ""},
		"metric, labels":    {NodeExporter{HTTP: at("/metrics"), Metric: "in_flight"}, 7, ""},
		"metric, not there": {NodeExporter{HTTP: at("/metrics"), Metric: "node_load"}, 0, "there is no node_load in the page"},
		"metric, no number": {NodeExporter{HTTP: at("/metrics"), Metric: "bad"}, 0, "bad is \" x\", want a number"},
		"much":              {NodeExporter{HTTP: at("/metrics?much"), Metric: "node_load1"}, 2.25, ""},
		"too late":          {NodeExporter{HTTP: at("/metrics?much"), Metric: "late"}, 0, "there is no late"},
		"line":              {line("12.5\n"), 12.5, ""},
		"line of uptime":    {line(" 10:00:00 up 3 days,  1 user,  load average: 0.15, 0.10, 0.05\n"), 0.15, ""},
		"line of rup":       {line("web1  up 3 days,  1:02,    load average: 1.25, 0.10, 0.05\n"), 1.25, ""},
		"line, per cent":    {line("75%\n"), 75, ""},
		"line, empty":       {line("\n"), 0, "want a number"},
		"line, none":        {line(""), 0, "closed the connection"},
		"file":              {FileLoad{File{Path: file}}, 0.33, ""},
		"no file":           {FileLoad{File{Path: file + ".not"}}, 0, "no such file"},
		"script":            {script("echo", "words\n3.5"), 3.5, ""},
		"script that fails": {script("false"), 0, "exit status 1"},
		"script, silent":    {script("true"), 0, "want a number"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		got, err := c.gauge.Measure(ctx)
		cancel()
		if c.wrong == "" && (err != nil || got != c.want) {
			t.Errorf("%s: %v, %v, want %v", name, got, err, c.want)
		}
		if c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%s: %v, %v, want an error with %q", name, got, err, c.wrong)
		}
	}
}

func FuzzSumMetric(f *testing.F) {
	f.Add([]byte("node_load1 2.25\nnode_load1{a=\"}\"} 1 170\n"), "node_load1")
	f.Fuzz(func(t *testing.T, page []byte, metric string) {
		if (NodeExporter{HTTP: HTTP{Target: Target{Addr: netip.MustParseAddrPort("10.0.0.11:80")}}, Metric: metric}).Validate() == nil {
			_, _ = sumMetric(page, metric)
		}
		_, _ = parseLoad("text", string(page))
	})
}
