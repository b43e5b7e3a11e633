package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// hostHasIPVS tells whether this kernel has IPVS, loading it where it is a module.
func hostHasIPVS() bool {
	if _, err := os.Stat("/proc/net/ip_vs"); err == nil {
		return true
	}
	if exec.Command("modprobe", "-q", "ip_vs").Run() != nil {
		return false
	}
	_, err := os.Stat("/proc/net/ip_vs")
	return err == nil
}

// native runs the command on the host's own kernel, in fresh network, mount and process namespaces: nothing that it does to
// addresses or IPVS is seen outside, and nothing that it starts outlives it.
func native(ctx context.Context, s *spec, _ options) (int, error) {
	if !hostHasIPVS() {
		return statusLab, fmt.Errorf("this kernel has no IPVS (no /proc/net/ip_vs, and modprobe ip_vs fails): use -kernel uml")
	}
	s.Native = true
	if err := s.write(); err != nil {
		return statusLab, err
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Env = append(os.Environ(), specVariable+"="+s.path())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	err := cmd.Run()
	if ctx.Err() != nil {
		return statusLab, context.Cause(ctx)
	}
	if err != nil {
		return statusLab, err
	}
	return s.status()
}
