// Mutants breaks the state machine of package vrrp in every small way it knows, one at a time, and runs the package's tests on each: a
// mutant that they let live is a rule that nobody checks. It changes no file: the compiler is given the broken one in place of the
// real one.
//
//	go run ./test/mutants [-least 95] [-file vrrp/machine.go …] [-list]
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

// patience is how long the tests of one mutant may take; a mutant that makes them wait for ever is caught.
const patience = 5 * time.Minute

func main() {
	files := fileList{"vrrp/machine.go"}
	flag.Var(&files, "file", "file to break, beside vrrp/machine.go; may be given again")
	least := flag.Float64("least", 95, "per cent of the mutants that must be caught")
	list := flag.Bool("list", false, "print the mutants and run nothing")
	flag.Parse()
	if err := run(files, *least, *list); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

type fileList []string

func (l *fileList) String() string     { return strings.Join(*l, " ") }
func (l *fileList) Set(v string) error { *l = append(*l, v); return nil }

func run(files []string, least float64, list bool) error {
	var mutants []mutant
	for _, file := range files {
		more, err := mutantsOf(file)
		if err != nil {
			return err
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
	if err := test(nil); err != nil {
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
	for _, flags := range [][]string{{"-short"}, {}} { // most are caught by a tenth of the simulation, too
		err = test(append(flags, "-overlay", overlay))
		if errors.Is(err, errBuild) {
			return fate{err: err}
		}
		if err != nil {
			return fate{caught: true}
		}
	}
	return fate{}
}

// errBuild says that a mutant is no program.
var errBuild = errors.New("does not compile")

// test runs the tests of package vrrp. The fast ones come first and end it.
func test(flags []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	argv := append([]string{"test", "-failfast", "-vet=off", "-timeout", patience.String()}, flags...)
	out, err := exec.CommandContext(ctx, "go", append(argv, "./vrrp")...).CombinedOutput()
	if bytes.Contains(out, []byte("[build failed]")) {
		return fmt.Errorf("%w: %s", errBuild, out)
	}
	if err != nil {
		return fmt.Errorf("%w: %s", err, lastLines(out))
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
