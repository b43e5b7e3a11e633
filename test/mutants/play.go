package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"time"
)

// stages are the tests in the order of what they cost; nearly all mutants are caught by the first, which takes a second. What takes
// long in it and has nothing to say about the state machine is left for the third.
var stages = [][]string{
	{"-test.skip=Simulation|EveryReachableState|OfTwoMasters|SeedGives|Checksum|OnThePage|OfTheRFC"},
	{"-test.run=EveryReachableState|OfTwoMasters"},
	{"-test.run=Simulation|SeedGives|Checksum", "-test.short"},
	{"-test.run=Simulation"},
}

// errBuild says that a mutant is no program.
var errBuild = errors.New("does not compile")

// build makes the tests of package vrrp.
func build(binary string, flags ...string) error {
	argv := append([]string{"test", "-c", "-vet=off", "-ldflags=-s -w", "-o", binary}, flags...)
	if out, err := exec.Command("go", append(argv, "./vrrp")...).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", errBuild, out)
	}
	return nil
}

// rehearse plays the sound program, where nothing may fail, and returns how long each stage of a mutant may take: ten times as long,
// and half a minute for a machine that does other things too. A mutant that goes on for ever is caught.
func rehearse(binary string) ([]time.Duration, error) {
	if err := build(binary); err != nil {
		return nil, err
	}
	var patience []time.Duration
	for _, stage := range stages {
		begin := time.Now()
		if out, err := playStage(context.Background(), binary, stage); err != nil {
			return nil, fmt.Errorf("%w: %s", err, out[max(0, len(out)-2000):])
		}
		patience = append(patience, 10*time.Since(begin)+30*time.Second)
	}
	return patience, nil
}

// play runs the stages until a test fails.
func play(binary string, patience []time.Duration) fate {
	for i, stage := range stages {
		ctx, cancel := context.WithTimeout(context.Background(), patience[i])
		out, err := playStage(ctx, binary, stage)
		late := ctx.Err() != nil
		cancel()
		if late {
			return fate{by: "has no end"}
		}
		if err != nil {
			return fate{by: failed(out)}
		}
	}
	return fate{}
}

func playStage(ctx context.Context, binary string, stage []string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, binary, append([]string{"-test.failfast"}, stage...)...)
	cmd.Dir = "vrrp"
	return cmd.CombinedOutput()
}

var failure = regexp.MustCompile(`(?m)^--- FAIL: (\w+)`)

// failed returns the name of the test that failed first.
func failed(out []byte) string {
	if m := failure.FindSubmatch(out); m != nil {
		return string(m[1])
	}
	return "panic"
}
