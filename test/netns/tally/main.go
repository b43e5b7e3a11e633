// Command tally runs suites of tests one after another and adds them up.
//
//	tally -check 'lint=golangci-lint run' -go 'unit=go test -json ./...' -timed '…'
//	tally -tagged lab [-in PART] [-out PART]
//
// A check is one test, which passes when its command ends with status 0. A go suite is a command that prints what `go test -json`
// prints. The tests that fail are shown in full; the last line is "N passed, N failed, N skipped", and the exit status is 1 if any
// failed.
//
// A timed suite is a go suite that watches several daemons do things in time, which on a machine with other work they cannot always.
// Up to five of its tests that failed are played again, each alone; the line before the last says how many passed only then. Its
// command names its tests with `tally -tagged`.
//
// The second form prints the arguments with which `go test -tags lab` runs the tests in files of that build tag, and no others:
// those without a tag have run elsewhere already. -in and -out choose by a part of the file's name.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

func main() {
	status, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "tally:", err)
	}
	os.Exit(status)
}

func run(args []string) (int, error) {
	var suites []suite
	var want selection
	fs := flag.NewFlagSet("tally", flag.ContinueOnError)
	fs.Func("check", "NAME=COMMAND, which counts as one test", addSuite(&suites, suite{}))
	fs.Func("go", "NAME=COMMAND, which prints go test -json", addSuite(&suites, suite{json: true}))
	fs.Func("timed", "as -go, and what fails is played again, alone", addSuite(&suites, suite{json: true, timed: true}))
	fs.StringVar(&want.tag, "tagged", "", "print the go test arguments for the tests behind this build tag")
	fs.StringVar(&want.in, "in", "", "only files with this in their name")
	fs.StringVar(&want.out, "out", "", "no files with this in their name")
	if err := fs.Parse(args); err != nil {
		return 2, err
	}
	if only := os.Getenv(onlyVariable); want.tag != "" && only != "" {
		fmt.Println(onlyArguments(only))
		return 0, nil
	}
	if want.tag != "" {
		line, err := want.arguments(os.DirFS("."))
		fmt.Println(line)
		return exitStatus(err != nil), err
	}
	if len(suites) == 0 {
		return 2, fmt.Errorf("no suite given: -check NAME=COMMAND or -go NAME=COMMAND")
	}
	return runAll(suites)
}

func addSuite(to *[]suite, s suite) func(string) error {
	return func(arg string) error {
		name, command, ok := strings.Cut(arg, "=")
		if !ok || name == "" || command == "" {
			return fmt.Errorf("want NAME=COMMAND")
		}
		s.name, s.command = name, command
		*to = append(*to, s)
		return nil
	}
}

func runAll(suites []suite) (int, error) {
	var total count
	again := 0
	for _, s := range suites {
		fmt.Printf("== %s\n", s.name)
		start := time.Now()
		c, late, err := s.run(os.Stdout)
		if err != nil {
			return 1, fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Printf("   %s: %s (%.1f s)\n", s.name, c, time.Since(start).Seconds())
		total, again = total.plus(c), again+late
	}
	if again > 0 {
		fmt.Printf("%d of those that passed failed at first, and passed when played again alone\n", again)
	}
	fmt.Println(total)
	return exitStatus(total.failed > 0), nil
}

func exitStatus(failed bool) int {
	if failed {
		return 1
	}
	return 0
}
