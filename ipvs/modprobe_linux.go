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

func modprobe(module string) error {
	ctx, cancel := context.WithTimeout(context.Background(), modprobeTime)
	defer cancel()
	path, err := exec.LookPath("modprobe")
	if err != nil {
		path = "/sbin/modprobe" // not on the PATH of every service manager
	}
	out, err := exec.CommandContext(ctx, path, module).CombinedOutput()
	if err != nil {
		return fmt.Errorf("modprobe %s: %w: %s", module, err, bytes.TrimSpace(out))
	}
	return nil
}
