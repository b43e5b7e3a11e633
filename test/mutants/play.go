package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/govrrpd/govrrpd/test/trial"
)

// stages are the tests in the order of what they cost; nearly all mutants are caught by the first, which takes a second. What takes
// long in it and has nothing to say about the state machine is left for the third.
var stages = [][]string{
	{"-test.skip=Simulation|EveryReachableState|OfTwoMasters|SeedGives|Checksum|OnThePage|OfTheRFC"},
	{"-test.run=EveryReachableState|OfTwoMasters"},
	{"-test.run=Simulation|SeedGives|Checksum", "-test.short"},
	{"-test.run=Simulation"},
}

// rehearse plays the sound program, where nothing may fail, and returns how long each stage of a mutant may take: ten times as long,
// and half a minute for a machine that does other things too. A mutant that goes on for ever is caught.
func rehearse(binary string) ([]time.Duration, error) {
	var patience []time.Duration
	for _, stage := range stages {
		begin := time.Now()
		if out, err := playStage(context.Background(), binary, "", stage); err != nil {
			return nil, fmt.Errorf("%w: %s", err, out[max(0, len(out)-2000):])
		}
		patience = append(patience, 10*time.Since(begin)+30*time.Second)
	}
	return patience, nil
}

// play runs the stages with one mutant until a test fails, and returns its name.
func play(binary string, number int, patience []time.Duration) string {
	for i, stage := range stages {
		ctx, cancel := context.WithTimeout(context.Background(), patience[i])
		out, err := playStage(ctx, binary, strconv.Itoa(number), stage)
		late := ctx.Err() != nil
		cancel()
		if late {
			return "has no end"
		}
		if err != nil {
			return failed(out)
		}
	}
	return ""
}

func playStage(ctx context.Context, binary, number string, stage []string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, binary, append([]string{"-test.failfast"}, stage...)...)
	cmd.Dir = "vrrp"
	cmd.Env = append(os.Environ(), variable+"="+number)
	return cmd.CombinedOutput()
}

// failed returns the name of the test that failed first.
func failed(out []byte) string {
	if names := trial.Failed(string(out)); len(names) > 0 {
		return names[0]
	}
	return "panic"
}
