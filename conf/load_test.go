package conf

import (
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/checkers"
	"github.com/govrrpd/govrrpd/ipvs"
)

// TestEveryKindOfLoad decodes a load of each kind, and what decides with how many checks a server is up.
func TestEveryKindOfLoad(t *testing.T) {
	c := mustLoad(t, nil, "testdata/good/loads.hcl")
	first := ipvs.ServerID{Service: "shop", Addr: netip.MustParseAddrPort("10.0.0.11:80")}
	second := ipvs.ServerID{Service: "shop", Addr: netip.MustParseAddrPort("10.0.0.12:80")}
	page := checkers.Page{Status: []checkers.StatusRange{{From: 200, To: 299}}}
	linear := checkers.Policy{Base: 3, Full: 1, Smoothing: 0.5, Floor: 1, Ceiling: 6, Step: 1}
	load := func(name string, gauge checkers.Gauge, p checkers.Policy) Check {
		return Check{
			Config: checkers.Config{
				Name: "shop 10.0.0.12:80 load " + name, Checker: checkers.Load{Gauge: gauge, Policy: p},
				Interval: 20 * time.Second, Timeout: 2 * time.Second, Rise: 1, Fall: 3,
			},
			Server: second, Load: true,
		}
	}
	usual := checkers.Config{Interval: 5 * time.Second, Timeout: 2 * time.Second, Rise: 1, Fall: 3}
	http, node, tcp := usual, usual, usual
	http.Name, http.Checker = "shop 10.0.0.11:80 http", checkers.HTTP{Target: target("10.0.0.11:80"), Path: "/", Page: page}
	http.Quick, http.FullEvery = checkers.TCP{Target: target("10.0.0.11:80")}, 10
	node.Name, node.Interval = "shop 10.0.0.11:80 load node_exporter", 20*time.Second
	node.Checker = checkers.Load{
		Gauge:  checkers.NodeExporter{HTTP: checkers.HTTP{Target: target("10.0.0.11:9100"), Path: "/metrics?collect[]=loadavg", Page: page}, Metric: "node_load1"},
		Policy: checkers.Policy{Base: 100, Full: 1, Smoothing: 0.5, Floor: 10, Ceiling: 200, Step: 25},
	}
	tcp.Name, tcp.Checker = "shop 10.0.0.12:80 tcp", checkers.TCP{Target: target("10.0.0.12:80")}
	https := load("https", checkers.PageLoad{HTTP: checkers.HTTP{Target: target("10.0.0.12:80"), TLS: &checkers.TLS{}, Path: "/", Page: page}, Value: "load"},
		checkers.Policy{Base: 3, Full: 0.5, Floor: 1, Ceiling: 30, Step: 30})
	https.Interval, https.Timeout, https.Fall = time.Second, 500*time.Millisecond, 1
	want := []Check{
		{Config: http, Server: first, Any: true},
		{Config: node, Server: first, Any: true, Load: true},
		{Config: tcp, Server: second},
		https,
		load("http", checkers.PageLoad{HTTP: checkers.HTTP{Target: target("10.0.0.12:80"), Path: "/", Page: page}, Header: "X-Load"}, checkers.Policy{Kind: checkers.Piranha, Base: 3}),
		load("tcp", checkers.TCPLoad{Target: target("10.0.0.12:80"), Send: "load\n"}, checkers.Policy{Kind: checkers.Percent, Base: 3}),
		load("script", checkers.ScriptLoad{Script: checkers.Script{Command: []string{"true", "10.0.0.12"}}}, checkers.Policy{Kind: checkers.Absolute, Base: 3}),
		load("file", checkers.FileLoad{File: checkers.File{Path: "/run/loads/10.0.0.12"}}, linear),
	}
	if diff := cmp.Diff(want, c.Checks, domain); diff != "" {
		t.Errorf("loads.hcl (-want +got):\n%s", diff)
	}
	for _, check := range c.Checks {
		if err := check.Validate(); err != nil {
			t.Errorf("%s: %v", check.Name, err)
		}
	}
}

// TestKindsAndKeywordsOfLoads: every kind is in the list that users see, and every keyword is one of a load.
func TestKindsAndKeywordsOfLoads(t *testing.T) {
	if diff := cmp.Diff(slices.Sorted(maps.Keys(loadKinds())), slices.Sorted(slices.Values(loadKindNames()))); diff != "" {
		t.Errorf("kinds (-built +listed):\n%s", diff)
	}
	schema, _ := schemaOf("load")
	used := map[string]bool{}
	for name, kind := range loadKinds() {
		for _, keyword := range kind.keywords {
			if used[keyword] = true; schema[keyword] != "attribute" {
				t.Errorf("load %q has %s, which is no keyword of a load", name, keyword)
			}
		}
	}
	for keyword := range schema {
		if !used[keyword] && !slices.Contains(loadKeywords, keyword) {
			t.Errorf("no kind of load has %s", keyword)
		}
	}
}
