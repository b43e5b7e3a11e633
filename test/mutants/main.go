// Mutants breaks the state machine of package vrrp in every small way it knows, one at a time, and runs the package's tests on each: a
// mutant that they let live is a rule that nobody checks. It changes no file: the compiler is given the broken one in place of the
// real one. What cannot be caught because it changes nothing is listed with the reason in equivalent.txt, and not tried.
//
//	go run ./test/mutants [-least 95] [-workers 2] [-list] [FILE…]
package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"
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
	patience, err := rehearse(filepath.Join(dir, "sound"))
	if err != nil {
		return fmt.Errorf("the tests fail without a mutant: %w", err)
	}
	return judge(files, mutants, tryAll(mutants, workers, dir, patience), least)
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
	by  string // the test that caught it; empty if it lives
	err error  // it could not be tried
}

// String returns what is printed before the mutant.
func (f fate) String() string {
	switch {
	case errors.Is(f.err, errBuild):
		return "-"
	case f.err != nil:
		return "error"
	case f.by != "":
		return f.by
	}
	return "LIVES"
}

// tryAll runs the tests on each mutant, and prints what became of it at once.
func tryAll(mutants []mutant, workers int, dir string, patience []time.Duration) []fate {
	fates := make([]fate, len(mutants))
	next := make(chan int)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for i := range next {
				fates[i] = try(mutants[i], filepath.Join(dir, fmt.Sprint(i)), patience)
				fmt.Printf("%-40s %s\n", fates[i], mutants[i])
			}
		})
	}
	for i := range mutants {
		next <- i
	}
	close(next)
	group.Wait()
	return fates
}

// try runs the tests with one mutant in place of its file.
func try(m mutant, dir string, patience []time.Duration) fate {
	defer os.RemoveAll(dir)
	path, err := filepath.Abs(m.file)
	if err != nil {
		return fate{err: err}
	}
	broken, overlay := filepath.Join(dir, filepath.Base(m.file)), filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{path: broken}})
	if err != nil {
		return fate{err: err}
	}
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(broken, m.text, 0o600), os.WriteFile(overlay, replace, 0o600)); err != nil {
		return fate{err: err}
	}
	binary := filepath.Join(dir, "vrrp.test")
	if err := build(binary, "-overlay", overlay); err != nil {
		return fate{err: err}
	}
	return play(binary, patience)
}

// judge prints how many mutants of each file and of all were caught, and those that live; it is an error if that are too many.
func judge(files []string, mutants []mutant, fates []fate, least float64) error {
	var errs []error
	var all tally
	for _, file := range files {
		var t tally
		for i, m := range mutants {
			if m.file == file {
				errs = append(errs, t.count(m, fates[i]))
			}
		}
		fmt.Printf("%s: %s\n", file, t)
		if t.share() < least {
			errs = append(errs, fmt.Errorf("%s: wanted %.0f %%", file, least))
		}
		all.tried, all.caught = all.tried+t.tried, all.caught+t.caught
	}
	fmt.Printf("all: %s\n", all)
	return errors.Join(errs...)
}

// A tally counts mutants. The compiler catches some, which is no merit of the tests: they are not tried.
type tally struct{ tried, caught int }

func (t *tally) count(m mutant, f fate) error {
	switch {
	case errors.Is(f.err, errBuild):
		return nil
	case f.err != nil:
		return fmt.Errorf("%s: %w", m, f.err)
	}
	t.tried++
	if f.by != "" {
		t.caught++
		return nil
	}
	fmt.Printf("LIVES %s\n", m)
	return nil
}

func (t tally) share() float64 { return 100 * float64(t.caught) / float64(max(t.tried, 1)) }

// String returns the numbers as the last lines of the program show them.
func (t tally) String() string {
	return fmt.Sprintf("%d mutants, %d caught: %.1f %%", t.tried, t.caught, t.share())
}
