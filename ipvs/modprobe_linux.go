package ipvs

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"time"
)

// modprobeTime is generous: a module of IPVS pulls in those of connection tracking.
const modprobeTime = 20 * time.Second

// modprobe loads a module with values of its parameters, or does nothing when it is there.
func modprobe(module string, parameters ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), modprobeTime)
	defer cancel()
	path, err := exec.LookPath("modprobe")
	if err != nil {
		path = "/sbin/modprobe" // not on the PATH of every service manager
	}
	out, err := exec.CommandContext(ctx, path, append([]string{module}, parameters...)...).CombinedOutput()
	if err != nil {
		text := bytes.ReplaceAll(bytes.TrimSpace(out), []byte("\n"), []byte("; ")) // it is to be on one line of a log
		return fmt.Errorf("modprobe %s: %w: %s", module, err, text)
	}
	return nil
}
