package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// The table that is programmed.
const (
	services = 1000
	servers  = 10 // of each service

	tableLimit = 2 * time.Minute
	// tablePoll is how often the table is looked at.
	tablePoll = 4 * time.Millisecond
	// fifth is the share of keepalived's time that we may take.
	fifth = 5
)

// A filling is how long one program took to fill an empty table, in ms.
type filling struct {
	Program string
	Start   float64 // from its start to the last entry
	Fill    float64 // from the first entry to the last: without start and parsing
}

// measureTables runs ourselves in the lab.
func measureTables(ctx context.Context, o options) ([]Metric, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(filepath.Dir(self), "lab"), self, "-inside", "-tables", fmt.Sprint(o.tables))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("bench in the lab: %w", err)
	}
	var all []filling
	if err := json.Unmarshal(out, &all); err != nil {
		return nil, fmt.Errorf("bench in the lab printed %q: %w", out, err)
	}
	start, fill := Figures{}, Figures{}
	for _, f := range all {
		start[f.Program] = append(start[f.Program], f.Start)
		fill[f.Program] = append(fill[f.Program], f.Fill)
	}
	share := func(k float64) float64 { return k / fifth }
	table := fmt.Sprintf("IPVS table %d x %d", services, servers)
	return []Metric{
		newMetric(table+", programming (first to last entry)", fill, share),
		newMetric(table+", process start to last entry", start, nil),
	}, nil
}

// insideLab fills tables and prints how long it took.
func insideLab(ctx context.Context, count int) error {
	var all []filling
	for range count {
		for _, p := range []program{{govrrpd, hclTable, startGovrrpd}, {keepalived, keepalivedTable, startKeepalived}, {ipvsadm, ipvsadmTable, startIpvsadm}} {
			f, err := p.fill(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			all = append(all, f)
			fmt.Fprintf(os.Stderr, "%s: %.0f ms from its start, %.0f ms from the first entry\n", f.Program, f.Start, f.Fill)
		}
	}
	return json.NewEncoder(os.Stdout).Encode(all)
}

// A program fills a table.
type program struct {
	name   string
	config func() string
	start  func(w *netns.World, n *netns.Node, config string)
}

// fill runs the program in a namespace of its own.
func (p program) fill(ctx context.Context) (f filling, err error) {
	err = play(ctx, func(s *scene) {
		w := netns.New(s)
		node := w.Node("lb")
		c, err := newCounter(node)
		if err != nil {
			s.Fatalf("%v", err)
		}
		s.Cleanup(func() { _ = c.close() })
		config := p.config()
		began := time.Now()
		p.start(w, node, config)
		seen := 0
		first := c.wait(s, "the first service", func(n int) bool { seen = n; return n > 0 })
		c.wait(s, "the last service", func(n int) bool { return n == services })
		for i := range services {
			c.waitServers(s, serviceAddress(i))
		}
		last := time.Now()
		node.Crash() // an orderly stop would take the table down, entry by entry
		verify(s, node)
		pace := float64(services) / float64(services-seen+1) // those that were there when first seen took their time too
		f = filling{Program: p.name, Start: ms(last.Sub(began)), Fill: ms(last.Sub(first)) * pace}
	})
	return f, err
}

// wait looks at the number of services until it is enough, and returns when it was.
func (c counter) wait(s *scene, what string, enough func(int) bool) time.Time {
	poll(s, what, func() bool {
		n, err := c.services()
		if err != nil {
			s.Fatalf("%v", err)
		}
		return enough(n)
	})
	return time.Now()
}

// waitServers waits until a service has all its servers. Those of most services are there when it is first asked.
func (c counter) waitServers(s *scene, service netip.AddrPort) {
	poll(s, "the servers of "+service.String(), func() bool {
		n, err := c.servers(service)
		if err != nil {
			s.Fatalf("%v", err)
		}
		return n == servers
	})
}

// poll waits for a condition, and asks less often than World.WaitFor: the lab has one CPU.
func poll(s *scene, what string, done func() bool) {
	if done() {
		return
	}
	ticker := time.NewTicker(tablePoll)
	defer ticker.Stop()
	limit := time.After(tableLimit)
	for !done() {
		select {
		case <-ticker.C:
		case <-limit:
			s.Fatalf("waited %s in vain: %s", tableLimit, what)
		}
	}
}

// verify reads the whole table, by another way than it was watched.
func verify(s *scene, node *netns.Node) {
	table, err := node.IPVS()
	if err != nil {
		s.Fatalf("%v", err)
	}
	entries := 0
	for _, weights := range table {
		entries += len(weights)
	}
	if len(table) != services || entries != services*servers {
		s.Fatalf("the table has %d services and %d servers, want %d and %d", len(table), entries, services, services*servers)
	}
}

func serviceAddress(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i / 250), byte(i%250 + 1)}), 80)
}

func serverAddress(i, j int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 2, byte(i / 20), byte(i%20*servers + j + 1)}), 8080)
}

func hclTable() string {
	var b strings.Builder
	for i := range services {
		fmt.Fprintf(&b, "virtual_server \"s%d\" {\n  address = %q\n  scheduler = \"wlc\"\n  forward = \"nat\"\n", i, serviceAddress(i))
		for j := range servers {
			fmt.Fprintf(&b, "  real_server %q { weight = 1 }\n", serverAddress(i, j))
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func startGovrrpd(_ *netns.World, n *netns.Node, config string) { n.Govrrpd(config) }

func keepalivedTable() string {
	var b strings.Builder
	for i := range services {
		s := serviceAddress(i)
		fmt.Fprintf(&b, "virtual_server %s %d {\n  lvs_sched wlc\n  lvs_method NAT\n  protocol TCP\n", s.Addr(), s.Port())
		for j := range servers {
			r := serverAddress(i, j)
			fmt.Fprintf(&b, "  real_server %s %d {\n    weight 1\n  }\n", r.Addr(), r.Port())
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func startKeepalived(_ *netns.World, n *netns.Node, config string) {
	n.Keepalived(keepalived, config, "--check")
}

func ipvsadmTable() string {
	var b strings.Builder
	for i := range services {
		fmt.Fprintf(&b, "-A -t %s -s wlc\n", serviceAddress(i))
		for j := range servers {
			fmt.Fprintf(&b, "-a -t %s -r %s -m -w 1\n", serviceAddress(i), serverAddress(i, j))
		}
	}
	return b.String()
}

func startIpvsadm(w *netns.World, n *netns.Node, config string) {
	rules := filepath.Join(w.Dir(), "rules")
	if err := os.WriteFile(rules, []byte(config), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err) // the table stays empty, and the run fails
		return
	}
	n.Start("ipvsadm", "sh", "-c", "exec ipvsadm --restore < "+rules)
}
