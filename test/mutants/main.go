// Mutants breaks the state machine of package vrrp in every small way it knows, one at a time, and runs the package's tests on each: a
// mutant that they let live is a rule that nobody checks. It changes no file: the compiler is given the broken one in place of the
// real one. What cannot be caught because it changes nothing is listed with the reason in equivalent.txt, and not tried.
//
//	go run ./test/mutants [-least 95] [-list] [FILE…]
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// patience is how long the tests of one mutant may take; a mutant that makes them wait for ever is caught.
const patience = 5 * time.Minute

//go:embed equivalent.txt
var equivalentText string

func main() {
	least := flag.Float64("least", 95, "per cent of the mutants of each file that must be caught")
	list := flag.Bool("list", false, "print the mutants and run nothing")
	flag.Parse()
	files := flag.Args()
	if len(files) == 0 {
		files = []string{"vrrp/machine.go", "vrrp/handover.go", "vrrp/options.go", "vrrp/sync.go"} // what Step and Together are
	}
	if err := run(files, *least, *list); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(files []string, least float64, list bool) error {
	var mutants []mutant
	for _, file := range files {
		all, err := mutantsOf(file)
		if err != nil {
			return err
		}
		more, err := without(all, equivalents(equivalentText)[file])
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		mutants = append(mutants, more...)
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
	if err := test(filepath.Join(dir, "sound"), nil); err != nil {
		return fmt.Errorf("the tests fail without a mutant: %w", err)
	}
	return judge(mutants, tryAll(mutants, dir), least)
}

// A fate is what became of one mutant.
type fate struct {
	caught bool
	err    error // it could not be tried
}

// tryAll runs the tests on each mutant, one for each CPU at a time.
func tryAll(mutants []mutant, dir string) []fate {
	fates := make([]fate, len(mutants))
	next := make(chan int)
	var workers sync.WaitGroup
	for range runtime.NumCPU() {
		workers.Go(func() {
			for i := range next {
				fates[i] = try(mutants[i], filepath.Join(dir, fmt.Sprint(i)))
				fmt.Printf("%-8s %s\n", fates[i], mutants[i])
			}
		})
	}
	for i := range mutants {
		next <- i
	}
	close(next)
	workers.Wait()
	return fates
}

func (f fate) String() string {
	switch {
	case errors.Is(f.err, errBuild):
		return "-"
	case f.err != nil:
		return "error"
	case f.caught:
		return "caught"
	}
	return "LIVES"
}

// try runs the tests with one mutant in place of its file.
func try(m mutant, dir string) fate {
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
	err = test(filepath.Join(dir, "vrrp.test"), []string{"-overlay", overlay})
	if errors.Is(err, errBuild) {
		return fate{err: err}
	}
	return fate{caught: err != nil}
}

// errBuild says that a mutant is no program.
var errBuild = errors.New("does not compile")

// stages are the tests in the order of what they cost; most mutants are caught by the first.
var stages = [][]string{
	{"-test.skip=Simulation|EveryReachableState|OfTwoMasters"},
	{"-test.run=EveryReachableState|OfTwoMasters"},
	{"-test.run=Simulation", "-test.short"},
	{"-test.run=Simulation"},
}

// test builds the tests of package vrrp as binary and runs them. The first that fails ends it.
func test(binary string, flags []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	argv := append([]string{"test", "-c", "-vet=off", "-ldflags=-s -w", "-o", binary}, flags...)
	if out, err := exec.CommandContext(ctx, "go", append(argv, "./vrrp")...).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", errBuild, out)
	}
	defer os.Remove(binary)
	for _, stage := range stages {
		cmd := exec.CommandContext(ctx, binary, append(stage, "-test.failfast", "-test.timeout="+patience.String())...)
		cmd.Dir = "vrrp"
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, lastLines(out))
		}
	}
	return nil
}

func lastLines(out []byte) []byte { return out[max(0, len(out)-2000):] }

func judge(mutants []mutant, fates []fate, least float64) error {
	var caught, tried int
	var errs []error
	for i, f := range fates {
		if errors.Is(f.err, errBuild) { // the compiler catches it, which is no merit of the tests
			continue
		}
		if f.err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", mutants[i], f.err))
			continue
		}
		tried++
		if f.caught {
			caught++
		}
	}
	share := 100 * float64(caught) / float64(max(tried, 1))
	fmt.Printf("%d mutants, %d caught: %.1f %%, wanted %.0f %%\n", tried, caught, share, least)
	if share < least {
		errs = append(errs, fmt.Errorf("%d live", tried-caught))
	}
	return errors.Join(errs...)
}
