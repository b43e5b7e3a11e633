package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

const (
	servers = 10 // of each service

	tableLimit = 10 * time.Minute
	// tablePoll is how often the table is looked at.
	tablePoll = 4 * time.Millisecond
	// tenth is the share of keepalived's time that we may take.
	tenth = 10
	// floorShare is what we may take of the time that the same messages need without anything around them.
	floorShare = 1.5
	// reloadLimit is how many ms after the files are read one changed weight may be in the kernel.
	reloadLimit = 10
	// residentLimit is how many MB the director may have, once it has come to rest.
	residentLimit = 150
	// verdictLimit is how many ms of CPU one health change may cost.
	verdictLimit = 1
	// floor sends the messages, and does nothing else; engine is what makes them in the director, without files, logs and checks.
	floor, engine = "floor", "engine"
)

// services returns the sizes of the tables: how time grows with them is one of the questions.
func (o options) services() (sizes []int, err error) {
	for word := range strings.SplitSeq(o.sizes, ",") {
		n, err := strconv.Atoi(word)
		if err != nil {
			return nil, fmt.Errorf("-services: %w", err)
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}

// programs returns the names of those that are measured, none for all.
func (o options) programs() []string {
	if o.who == "" {
		return nil
	}
	return strings.Split(o.who, ",")
}

// A filling is how long one program took to fill an empty table, in ms.
type filling struct {
	Program  string
	Services int
	Start    float64 // from its start to the last entry
	Fill     float64 // from the first entry to the last: without start and parsing

	Weight   float64 // ms from the end of reading the files, with one weight changed, to its arrival in the kernel; ours only
	Verdict  float64 // ms of CPU for one health change; of the engine
	Writes   float64 // to the kernel by a reload that changes nothing; ours only
	Resident float64 // MB of our director, once it has come to rest
	Peak     float64 // MB, the most of it
}

// measureTables runs ourselves in the lab.
func measureTables(ctx context.Context, o options) ([]Metric, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(filepath.Dir(self), "lab"), self, "-inside", "-tables", fmt.Sprint(o.tables), "-services", o.sizes, "-programs", o.who)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("bench in the lab: %w", err)
	}
	var all []filling
	if err := json.Unmarshal(out, &all); err != nil {
		return nil, fmt.Errorf("bench in the lab printed %q: %w", out, err)
	}
	var metrics []Metric
	sizes, err := o.services()
	if err != nil {
		return nil, err
	}
	for _, n := range sizes {
		metrics = append(metrics, tableMetrics(n, all)...)
	}
	return metrics, nil
}

// tableMetrics are the lines about tables of n services.
func tableMetrics(n int, all []filling) []Metric {
	collect := func(what func(filling) float64) Figures {
		out := Figures{}
		for _, f := range all {
			if f.Services == n {
				out[f.Program] = append(out[f.Program], what(f))
			}
		}
		return out
	}
	fixed := func(limit float64) func(float64) float64 { return func(float64) float64 { return limit } }
	ours := func(name string, what func(filling) float64) Figures { return Figures{govrrpd: collect(what)[name]} }
	fill := collect(func(f filling) float64 { return f.Fill })
	table := fmt.Sprintf("IPVS table %d x %d", n, servers)
	aboveFloor := func(f float64) float64 { return f * floorShare }
	return []Metric{
		newMetric(table+", programming (first to last entry)", fill, func(k float64) float64 { return k / tenth }),
		newMetric(table+", the same; in place of keepalived the messages alone", Figures{govrrpd: fill[govrrpd], keepalived: fill[floor]}, aboveFloor),
		newMetric(table+", by the engine alone; beside the messages alone", Figures{govrrpd: fill[engine], keepalived: fill[floor]}, aboveFloor),
		newMetric(table+", process start to last entry", collect(func(f filling) float64 { return f.Start }), nil),
		newMetric(table+", files read to one weight changed", ours(govrrpd, func(f filling) float64 { return f.Weight }), fixed(reloadLimit)),
		newMetric(table+", one weight changed by the engine alone", ours(engine, func(f filling) float64 { return f.Weight }), fixed(reloadLimit)),
		newMetric(table+", CPU of one health change", ours(engine, func(f filling) float64 { return f.Verdict }), fixed(verdictLimit)),
		newMetric(table+", writes of a reload that changes nothing", ours(govrrpd, func(f filling) float64 { return f.Writes }), nil).in("").none(),
		newMetric(table+", resident memory at rest", ours(govrrpd, func(f filling) float64 { return f.Resident }), fixed(residentLimit)).in("MB"),
		newMetric(table+", resident memory at most", ours(govrrpd, func(f filling) float64 { return f.Peak }), nil).in("MB"),
	}
}

// insideLab fills tables and prints how long it took.
func insideLab(ctx context.Context, o options) error {
	var all []filling
	sizes, err := o.services()
	if err != nil {
		return err
	}
	for _, n := range sizes {
		for range o.tables {
			for _, p := range programs(n) {
				if !known(o.programs(), p) {
					continue
				}
				f, err := p.fill(ctx, n)
				if err != nil {
					return fmt.Errorf("%s: %w", p.name, err)
				}
				all = append(all, f)
				fmt.Fprintf(os.Stderr, "%d services, %s: %.0f ms from its start, %.0f ms from the first entry\n", n, f.Program, f.Start, f.Fill)
			}
		}
	}
	return json.NewEncoder(os.Stdout).Encode(all)
}

// A program fills a table. after measures what else there is to know of it, with the table in the kernel.
type program struct {
	name  string
	start func(s *scene, w *netns.World, n *netns.Node, services int) (after func(*filling))
}

// programs returns those that fill a table of n services. With the largest, ipvsadm would take minutes to say nothing new.
func programs(n int) []program {
	all := []program{{engine, startEngine}, {floor, startFloor}, {govrrpd, startGovrrpd}, {keepalived, startKeepalived}}
	if n <= 1000 {
		all = append(all, program{ipvsadm, startIpvsadm})
	}
	return all
}

// fill runs the program in a namespace of its own.
func (p program) fill(ctx context.Context, services int) (f filling, err error) {
	err = play(ctx, func(s *scene) {
		w := netns.New(s)
		node := w.Node("lb")
		c, err := newCounter(node)
		if err != nil {
			s.Fatalf("%v", err)
		}
		s.Cleanup(func() { _ = c.close() })
		began := time.Now()
		after := p.start(s, w, node, services)
		seen := 0
		first := c.wait(s, "the first service", func(n int) bool { seen = n; return n > 0 })
		c.wait(s, "the last service", func(n int) bool { return n == services })
		last := c.waitFull(s, services)
		pace := float64(services) / float64(services-seen+1) // those that were there when first seen took their time too
		f = filling{Program: p.name, Services: services, Start: ms(last.Sub(began)), Fill: ms(last.Sub(first)) * pace}
		after(&f)
		node.Crash() // an orderly stop would take the table down, entry by entry
		verify(s, node, services)
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

// waitFull waits until all services have all their servers, and returns when that was. All programs fill the table in order, so the last service
// is asked first: to ask ten thousands takes longer than to fill them, and counts only if one of them has to be waited for.
func (c counter) waitFull(s *scene, services int) (full time.Time) {
	for i := services - 1; i >= 0; i-- {
		if waited := c.waitServers(s, serviceAddress(i)); waited || i == services-1 {
			full = time.Now()
		}
	}
	return full
}

// waitServers waits until a service has all its servers, and reports whether it had to.
func (c counter) waitServers(s *scene, service netip.AddrPort) (waited bool) {
	poll(s, "the servers of "+service.String(), func() bool {
		n, err := c.servers(service)
		if err != nil {
			s.Fatalf("%v", err)
		}
		waited = waited || n != servers
		return n == servers
	})
	return waited
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
func verify(s *scene, node *netns.Node, services int) {
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
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(2 + i/5000), byte(i % 5000 / 20), byte(i%20*servers + j + 1)}), 8080)
}

func hclTable(services int) string {
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

func keepalivedTable(services int) string {
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

func startKeepalived(_ *scene, _ *netns.World, n *netns.Node, services int) func(*filling) {
	n.Keepalived(keepalived, keepalivedTable(services), "--check")
	return func(*filling) {}
}

func ipvsadmTable(services int) string {
	var b strings.Builder
	for i := range services {
		fmt.Fprintf(&b, "-A -t %s -s wlc\n", serviceAddress(i))
		for j := range servers {
			fmt.Fprintf(&b, "-a -t %s -r %s -m -w 1\n", serviceAddress(i), serverAddress(i, j))
		}
	}
	return b.String()
}

func startIpvsadm(s *scene, w *netns.World, n *netns.Node, services int) func(*filling) {
	rules := filepath.Join(w.Dir(), "rules")
	if err := os.WriteFile(rules, []byte(ipvsadmTable(services)), 0o600); err != nil {
		s.Fatalf("%v", err)
	}
	n.Start("ipvsadm", "sh", "-c", "exec ipvsadm --restore < "+rules)
	return func(*filling) {}
}
