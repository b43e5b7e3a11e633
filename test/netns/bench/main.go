// Command bench measures govrrpd side by side with keepalived, in one run on one machine: compare figures within a run only.
//
//	bench [-o bench.json] [-runs 10] [-scale 1m] [-tables 3] [-services 100,1000,10000] [-only failover|scale|addresses|tables|checks|labchecks]
//
// It prints a table `metric, govrrpd, keepalived, ratio`, writes the same with every single figure as JSON, and ends with status 1 when
// govrrpd misses a target. The runs of the daemons take turns, so that a slow moment of the machine hits both.
//
//	addresses.go  namespaces of this kernel: many addresses taken over
//	scale.go      namespaces of this kernel: a thousand virtual routers on four links
//	failover.go   namespaces of this kernel: the cable of the master is pulled, a client pings
//	checks.go     loopback of this kernel: fifty thousand checks; keepalived cannot, so that there is nothing beside it
//	labchecks.go  a kernel with IPVS: two thousand checks a second, beside keepalived's
//	tables.go     a kernel with IPVS (bin/lab runs this program again, inside): a big IPVS table is programmed
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	met, err := run(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	if err != nil || !met {
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	out    string
	only   string
	runs   int           // of each kind of failover
	tables int           // of each way to program a table
	sizes  string        // of the tables, in services, with commas
	who    string        // programs that fill them, with commas; empty for all
	scale  time.Duration // that a thousand instances are watched
	inside bool          // we are in the lab: measure tables, or checks, and print the figures as JSON
	answer bool          // we are the process that checks connect to
}

// parts are what is measured, in this order.
var parts = []struct {
	name    string
	measure func(context.Context, options) ([]Metric, error)
}{
	{"failover", measureFailover},
	{"scale", measureScale},
	{"addresses", measureAddresses},
	{"tables", measureTables},
	{"checks", measureChecks},
	{"labchecks", measureLabChecks},
}

func run(ctx context.Context, args []string) (met bool, err error) {
	var o options
	fs := flag.NewFlagSet("bench", flag.ExitOnError)
	fs.StringVar(&o.out, "o", "bench.json", "file for the figures")
	fs.IntVar(&o.runs, "runs", 10, "failovers of each kind and daemon")
	fs.IntVar(&o.tables, "tables", 3, "tables that each program fills")
	fs.StringVar(&o.sizes, "services", "100,1000,10000", "how many services the tables have")
	fs.StringVar(&o.who, "programs", "", "fill tables with these alone: engine, floor, govrrpd, keepalived, ipvsadm -R")
	fs.DurationVar(&o.scale, "scale", time.Minute, "how long a thousand instances, and the checks, are watched")
	fs.StringVar(&o.only, "only", "", "measure this alone: failover, scale, addresses, tables, checks or labchecks")
	fs.BoolVar(&o.inside, "inside", false, "what bench tells itself in the lab")
	fs.BoolVar(&o.answer, respondersFlag, false, "what bench tells itself beside fifty thousand checks")
	_ = fs.Parse(args) // ExitOnError
	if o.answer {
		return true, respond()
	}
	if o.inside {
		if o.only == "labchecks" {
			return true, checkInsideLab(ctx)
		}
		return true, insideLab(ctx, o)
	}
	var metrics []Metric
	for _, part := range parts {
		if o.only != "" && o.only != part.name {
			continue
		}
		m, err := part.measure(ctx, o)
		if err != nil {
			return false, err
		}
		metrics = append(metrics, m...)
	}
	if err := writeJSON(o.out, metrics); err != nil {
		return false, err
	}
	fmt.Print(format(metrics))
	return allMet(metrics), nil
}
