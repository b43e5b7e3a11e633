package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/test/trial"
)

const (
	// patience is how long the tests of one break may take, in the binary; one on the wire waits for some seconds.
	patience = 2 * time.Minute
	// buildTime is what the compiler may take on top of that.
	buildTime = 3 * time.Minute
)

// errGreen says that a break was not noticed.
var errGreen = errors.New("is not noticed")

// onWire reports whether a test of the break needs a build tag, and with it the kernel.
func onWire(e entry, places map[string]place) bool {
	return slices.ContainsFunc(e.tests, func(name string) bool { return places[name].tag != "" })
}

// rehearse runs all tests of the breaks on the sound tree, where none may fail.
func rehearse(ctx context.Context, breaks []entry, places map[string]place, t tree) error {
	names := make(map[place][]string)
	for _, b := range breaks {
		for _, name := range b.tests {
			p := places[name]
			if p.folder == "" {
				return fmt.Errorf("breaks.txt:%d: there is no test %s, or there are two", b.line, name)
			}
			if !slices.Contains(names[p], name) {
				names[p] = append(names[p], name)
			}
		}
	}
	for p, tests := range names {
		out, err := t.play(ctx, p, tests)
		if err != nil {
			return err
		}
		for _, name := range tests {
			if !passed(out, name) {
				return fmt.Errorf("%s does not pass: %s", name, out[max(0, len(out)-2000):])
			}
		}
	}
	return nil
}

// try breaks the tree, runs the tests, and mends it. It returns what the first test said; an error when one of them passes, or when the
// break is no fair one.
func try(ctx context.Context, e entry, places map[string]place, t tree) (said string, err error) {
	files, err := e.broken(string(t))
	if err != nil {
		return "", err
	}
	sound, err := t.write(files)
	defer func() {
		_, mending := t.write(sound)
		err = errors.Join(err, mending)
	}()
	if err != nil {
		return "", err
	}
	for _, name := range e.tests {
		out, err := t.play(ctx, places[name], []string{name})
		if err != nil {
			return "", err
		}
		words, err := judge(out, name, e.ids)
		if err != nil {
			return "", err
		}
		if said == "" {
			said = words
		}
	}
	return said, nil
}

// play builds the tests of a place in the tree and runs some of them; what they print is returned. That they fail is no error.
func (t tree) play(ctx context.Context, p place, tests []string) (string, error) {
	if p.programs() {
		if out, err := t.command(ctx, "go", "build", "-trimpath", "-o", "bin/", "./cmd/govrrpd", "./test/netns/lab", "./test/netns/tally"); err != nil {
			return "", fmt.Errorf("it is no program: %w: %s", err, out)
		}
	}
	args := []string{"test", "-v", "-count=1", "-vet=off", "-timeout", (patience * time.Duration(len(tests))).String(), "-run", "^(" + strings.Join(tests, "|") + ")$"}
	if p.tag != "" {
		args = append(args, "-tags", p.tag)
	}
	ctx, cancel := context.WithTimeout(ctx, patience*time.Duration(len(tests))+buildTime)
	defer cancel()
	out, err := t.command(ctx, "go", append(args, p.folder)...)
	var failed *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]"):
		return "", fmt.Errorf("it is no program: %s", out)
	case err != nil && !errors.As(err, &failed):
		return "", err
	}
	return out, nil
}

// command runs a program in the tree, and ends it with all that it started when ctx does.
func (t tree) command(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = string(t)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// died finds what ends a test binary without that a test asserts something.
var died = regexp.MustCompile(`(?m)^(panic:|fatal error:|runtime:|signal:).*`)

func passed(out, test string) bool { return strings.Contains(out, "\n--- PASS: "+test+" ") }

// judge returns what the test said when it failed. It is an error when it did not, or for another reason than an assertion. Where the
// test has rows that carry the id of a requirement, one of those must be among what failed.
func judge(out, test string, ids []string) (string, error) {
	out = "\n" + out
	if m := died.FindString(out); m != "" {
		return "", fmt.Errorf("%s does not assert, it dies: %s", test, m)
	}
	if passed(out, test) {
		return "", fmt.Errorf("%s %w", test, errGreen)
	}
	if !slices.Contains(trial.Failed(out), test) {
		return "", fmt.Errorf("%s neither passed nor failed: %s", test, out[max(0, len(out)-2000):])
	}
	for _, id := range ids {
		claim := regexp.MustCompile(`(?m)^ +--- (PASS|FAIL): \S*` + regexp.QuoteMeta(id) + `\b`)
		rows := claim.FindAllStringSubmatch(out, -1)
		if len(rows) > 0 && !slices.ContainsFunc(rows, func(row []string) bool { return row[1] == "FAIL" }) {
			return "", fmt.Errorf("%s has rows of %s, and they pass: %w", test, id, errGreen)
		}
	}
	return test + ": " + complaint(out), nil
}

var asserted = regexp.MustCompile(`(?m)^ +\w+_test\.go:\d+: .*\n(?: {8}.*\n)*`)

// complaint returns the first thing that a test said, in one line that is not too long.
func complaint(out string) string {
	const longest = 140
	words := strings.Join(strings.Fields(asserted.FindString(out)), " ")
	if len(words) > longest {
		words = words[:longest] + "…"
	}
	return words
}
