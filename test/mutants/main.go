// Mutants breaks the state machine of package vrrp in every small way it knows, one at a time, and runs the package's tests on each: a
// mutant that they let live is a rule that nobody checks. It changes no file: the compiler is given the broken ones in place of the
// real ones. What cannot be caught because it changes nothing is listed with the reason in equivalent.txt, and not tried.
//
//	go run ./test/mutants [-least 95] [-workers 2] [-list] [FILE…]
package main

import (
	"cmp"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/govrrpd/govrrpd/test/trial"
)

//go:embed equivalent.txt
var equivalentText string

func main() {
	least := flag.Float64("least", 95, "per cent of the mutants of each file that must be caught")
	workers := flag.Int("workers", runtime.NumCPU(), "how many mutants are tried at a time")
	list := flag.Bool("list", false, "print the mutants and run nothing")
	flag.Parse()
	files := flag.Args()
	if len(files) == 0 {
		files = []string{"vrrp/machine.go", "vrrp/handover.go", "vrrp/options.go", "vrrp/sync.go"} // what Step and Together are
	}
	if err := run(files, *least, *workers, *list); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(files []string, least float64, workers int, list bool) error {
	mutants, err := allMutants(files)
	if err != nil {
		return err
	}
	if list {
		for _, m := range mutants {
			fmt.Println(m)
		}
		return nil
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "vrrp.test")
	refused, err := build(mutants, dir, binary)
	if err != nil {
		return err
	}
	patience, err := rehearse(binary)
	if err != nil {
		return fmt.Errorf("the tests fail without a mutant: %w", err)
	}
	var programs []mutant // the compiler catches the others, which is no merit of the tests
	for i, m := range mutants {
		if m.number = i; !refused[i] {
			programs = append(programs, m)
		}
	}
	return judge(files, tryAll(programs, workers, binary, patience), least)
}

// allMutants returns the mutants of the files but for those that equivalent.txt lists.
func allMutants(files []string) ([]mutant, error) {
	var mutants []mutant
	for _, file := range files {
		all, err := mutantsOf(file)
		if err != nil {
			return nil, err
		}
		more, err := without(all, equivalents(equivalentText)[file])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		mutants = append(mutants, more...)
	}
	return mutants, nil
}

// A fate is what became of one mutant.
type fate struct {
	mutant
	by string // the test that caught it; empty if it lives
}

// String returns the line that is printed.
func (f fate) String() string { return fmt.Sprintf("%-40s %s", cmp.Or(f.by, "LIVES"), f.mutant) }

// tryAll plays each mutant, and prints what became of it at once.
func tryAll(mutants []mutant, workers int, binary string, patience []time.Duration) []fate {
	fates := make([]fate, len(mutants))
	trial.Each(len(mutants), workers, func(_, i int) bool {
		fates[i] = fate{mutants[i], play(binary, mutants[i].number, patience)}
		fmt.Println(fates[i])
		return fates[i].by != ""
	})
	return fates
}

// judge prints which mutants live, and how many of each file and of all were caught; it is an error if that are too few.
func judge(files []string, fates []fate, least float64) error {
	var errs []error
	var all tally
	for _, file := range files {
		var t tally
		for _, f := range fates {
			if f.file == file {
				t.count(f)
				all.count(f)
			}
		}
		fmt.Printf("%s: %s\n", file, t)
		if t.share() < least {
			errs = append(errs, fmt.Errorf("%s: wanted %.0f %%", file, least))
		}
	}
	fmt.Printf("all: %s\n", all)
	return errors.Join(errs...)
}

// A tally counts mutants.
type tally struct{ tried, caught int }

func (t *tally) count(f fate) {
	t.tried++
	if f.by != "" {
		t.caught++
	}
}

func (t tally) share() float64 { return 100 * float64(t.caught) / float64(max(t.tried, 1)) }

// String returns the numbers as the last lines of the program show them.
func (t tally) String() string {
	return fmt.Sprintf("%d mutants, %d caught: %.1f %%", t.tried, t.caught, t.share())
}
