// Breaks proves the last column of contrib/rfc9568.md: for each requirement of RFC 9568 it breaks the code so that the requirement does
// not hold, one at a time and in a copy of the tree, and demands that the tests that the page names go red because of it. The breaks are in
// breaks.txt; for a requirement that nobody can break here the page says why.
//
//	go run ./test/breaks [-only] [-workers 2]
//
// It needs root, as the tests of packets on the wire do, and what `make test` installs for those.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/test/trial"
)

//go:embed breaks.txt
var breaksText string

func main() {
	only := flag.String("only", "", "regular expression: try the breaks of these requirements only")
	workers := flag.Int("workers", runtime.NumCPU(), "how many breaks are tried at a time, where the test is none of packets on the wire")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer cancel()
	if err := run(ctx, *only, *workers); err != nil {
		fmt.Fprintln(os.Stderr, "breaks:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only string, workers int) error {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	entries, err := parse(breaksText)
	if err != nil {
		return err
	}
	files, err := filesOf(ctx)
	if err != nil {
		return err
	}
	places, err := findTests(files)
	if err != nil {
		return err
	}
	trees, err := copyTrees(files, workers)
	defer removeTrees(trees)
	if err != nil {
		return err
	}
	var breaks []entry
	for _, e := range entries {
		if slices.ContainsFunc(e.ids, wanted.MatchString) {
			breaks = append(breaks, e)
		}
	}
	return prove(ctx, breaks, places, trees)
}

// prove tries all breaks, and is an error when one of them is not noticed or cannot be tried. The tests of the wire measure time, and
// share the host's kernel: they have it to themselves.
func prove(ctx context.Context, breaks []entry, places map[string]place, trees []tree) error {
	begin := time.Now()
	if err := rehearse(ctx, breaks, places, trees[0]); err != nil {
		return fmt.Errorf("without a break: %w", err)
	}
	var pure, wire []entry
	for _, b := range breaks {
		if onWire(b, places) {
			wire = append(wire, b)
		} else {
			pure = append(pure, b)
		}
	}
	red := trial.Each(len(pure), len(trees), func(worker, i int) bool { return report(ctx, pure[i], places, trees[worker]) })
	red += trial.Each(len(wire), 1, func(_, i int) bool { return report(ctx, wire[i], places, trees[0]) })
	fmt.Printf("breaks: %d of %d red, of %d requirements, %s\n", red, len(breaks), requirements(breaks), time.Since(begin).Round(time.Second))
	if red != len(breaks) {
		return errors.New("not all are red")
	}
	return ctx.Err()
}

// requirements counts what the breaks are about.
func requirements(breaks []entry) int {
	ids := make(map[string]bool)
	for _, b := range breaks {
		for _, id := range b.ids {
			ids[id] = true
		}
	}
	return len(ids)
}

// report tries one break, prints what became of it, and reports whether all its tests went red.
func report(ctx context.Context, e entry, places map[string]place, t tree) bool {
	begin := time.Now()
	said, err := try(ctx, e, places, t)
	took := time.Since(begin).Round(time.Second)
	if err != nil {
		fmt.Printf("%-5s %-24s %3s  %v\n", verdictOf(err), e, took, err)
		return false
	}
	fmt.Printf("%-5s %-24s %3s  %s\n", "red", e, took, said)
	return true
}

// verdictOf is the first word of the line of a break that did not make its tests red.
func verdictOf(err error) string {
	if errors.Is(err, errGreen) {
		return "GREEN"
	}
	return "ERROR"
}
