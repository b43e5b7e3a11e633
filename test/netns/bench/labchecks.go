package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

const (
	labServers = 2000 // each asked once in labInterval: 2,000 checks a second
	// labInterval is the shortest that keepalived 2.2.7 has.
	labInterval = time.Second
	labRounds   = 3
	labSettle   = 10 * time.Second
	labSpan     = 20 * time.Second
	// labShare is what we may take of the CPU that keepalived takes.
	labShare = 0.5
)

// A checking is what one director needed to check 2,000 servers a second.
type checking struct {
	Program string
	CPU     float64 // % of a core
	Checks  float64 // a second, as the servers counted them
}

// measureLabChecks has both directors check the same servers, in turns, in the lab: keepalived's checkers do nothing without IPVS.
func measureLabChecks(ctx context.Context, _ options) ([]Metric, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(filepath.Dir(self), "lab"), self, "-inside", "-only", "labchecks")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("bench in the lab: %w", err)
	}
	var all []checking
	if err := json.Unmarshal(out, &all); err != nil {
		return nil, fmt.Errorf("bench in the lab printed %q: %w", out, err)
	}
	cpu, checks := Figures{}, Figures{}
	for _, c := range all {
		cpu[c.Program] = append(cpu[c.Program], c.CPU)
		checks[c.Program] = append(checks[c.Program], c.Checks)
	}
	name := fmt.Sprintf("%d TCP checks every %s in the lab, ", labServers, labInterval)
	return []Metric{
		newMetric(name+"CPU", cpu, func(k float64) float64 { return k * labShare }).in("% of a core"),
		newMetric(name+"connections that the servers saw", checks, nil).in("a second"),
	}, nil
}

// checkInsideLab measures and prints.
func checkInsideLab(ctx context.Context) error {
	var all []checking
	for range labRounds {
		for _, program := range []string{govrrpd, keepalived} {
			var c checking
			if err := play(ctx, func(s *scene) { c = checkOnce(s, program) }); err != nil {
				return fmt.Errorf("%s: %w", program, err)
			}
			all = append(all, c)
			fmt.Fprintf(os.Stderr, "%s: %.1f %% of a core, %.0f connections a second\n", program, c.CPU, c.Checks)
		}
	}
	return json.NewEncoder(os.Stdout).Encode(all)
}

// checkOnce starts a director with 2,000 servers behind one wire, waits until it serves with all, and measures it.
func checkOnce(s *scene, program string) checking {
	w := netns.New(s)
	lb, far := w.Node("lb"), w.Node("servers")
	lan := w.Segment("lan")
	lan.Attach(lb, "lan", "10.0.0.1/24")
	lan.Attach(far, "lan", "10.0.0.2/24")
	lb.Route("10.9.0.0/16", "10.0.0.2", "lan")
	if out, err := far.Run("ip", "route", "add", "local", "10.9.0.0/16", "dev", "lo"); err != nil {
		s.Fatalf("addresses of the servers: %v: %s", err, out)
	}
	l := acceptIn(s, far)
	if program == govrrpd {
		lb.Govrrpd(labConfig(true))
	} else {
		lb.Keepalived(keepalived, labConfig(false), "--check")
	}
	c, err := newCounter(lb)
	if err != nil {
		s.Fatalf("%v", err)
	}
	s.Cleanup(func() { _ = c.close() })
	poll(s, "the servers", func() bool {
		n, err := c.servers(serviceAddress(0))
		return err == nil && n == labServers
	})
	<-time.After(labSettle)
	before, seen, began := cpuTime(s, lb), l.accepted.Load(), time.Now()
	<-time.After(labSpan)
	used, span := cpuTime(s, lb)-before, time.Since(began)
	return checking{
		Program: program, CPU: 100 * float64(used) / float64(span), Checks: float64(l.accepted.Load()-seen) / span.Seconds(),
	}
}

func cpuTime(s *scene, n *netns.Node) time.Duration {
	d, err := n.CPUTime()
	if err != nil {
		s.Fatalf("%v", err)
	}
	return d
}

// acceptIn accepts at port 8080 of all addresses of n, and counts.
func acceptIn(s *scene, n *netns.Node) *acceptor {
	var a acceptor
	err := n.Do(func() (err error) {
		a.Listener, err = net.Listen("tcp4", "0.0.0.0:8080")
		return err
	})
	if err != nil {
		s.Fatalf("%v", err)
	}
	s.Cleanup(func() { _ = a.Close() })
	go answerAll(&a)
	return &a
}

func labConfig(hcl bool) string {
	var b strings.Builder
	service := serviceAddress(0)
	if hcl {
		fmt.Fprintf(&b, "virtual_server \"shop\" {\n  address = %q\n  check \"tcp\" {\n    interval = %q\n    timeout = %q\n  }\n", service, labInterval, labInterval)
	} else {
		fmt.Fprintf(&b, "virtual_server %s %d {\n  delay_loop %d\n  lvs_sched wlc\n  lvs_method NAT\n  protocol TCP\n", service.Addr(), service.Port(), labInterval/time.Second)
	}
	for i := range labServers {
		addr := netip.AddrFrom4([4]byte{10, 9, byte(i >> 8), byte(i)})
		if hcl {
			fmt.Fprintf(&b, "  real_server \"%s:8080\" {}\n", addr)
		} else {
			fmt.Fprintf(&b, "  real_server %s 8080 {\n    TCP_CHECK {\n      connect_timeout %d\n    }\n  }\n", addr, labInterval/time.Second)
		}
	}
	b.WriteString("}\n")
	return b.String()
}
