// Command lab runs a command on a kernel that has IPVS: in place where the host has it, otherwise inside user-mode-linux
// with the host's file system, environment and working directory.
//
//	lab [-kernel auto|native|uml|qemu] [-mem 2G] [-timeout 30m] [-t] CMD [ARG…]
//
// It ends with the command's exit status, or with 125 when the kernel could not be had. Output is passed on as it comes. What the
// command writes outside /run survives; /run is a file system in memory of the lab's own, and TMPDIR points into it.
// `go test -exec "$PWD/bin/lab" -tags lab ./ipvs` runs a compiled test there.
//
//	lab ──► spec.json ──► linux.uml init=lab ──► process 1: mounts, modules, CMD, status file, power off
//	  ▲                                              │
//	  └── stdout, stderr, status ◄───────────────────┘
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// statusLab is the exit status when the lab itself went wrong, as docker and env use it.
const statusLab = 125

func main() {
	if path := os.Getenv(specVariable); path != "" && os.Getpid() == 1 {
		guestMain(path)
	}
	status, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
	}
	os.Exit(status)
}

// options are what the command line says.
type options struct {
	kernel  string
	mem     string
	timeout time.Duration
	tty     bool
}

// A kernel runs the command of a spec and returns its exit status.
type kernel func(ctx context.Context, s *spec, o options) (int, error)

func run(args []string) (int, error) {
	o, argv, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return 0, nil
	}
	if err != nil {
		return 2, err
	}
	boot, err := choose(o.kernel)
	if err != nil {
		return statusLab, err
	}
	s, err := newSpec(argv, o.tty)
	if err != nil {
		return statusLab, err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("%s ran longer than %s: raise -timeout", argv[0], o.timeout))
	defer cancel()
	status, err := boot(ctx, s, o)
	return status, errors.Join(err, s.remove())
}

func parse(args []string) (options, []string, error) {
	var o options
	fs := flag.NewFlagSet("lab", flag.ContinueOnError)
	fs.StringVar(&o.kernel, "kernel", envOr("GOVRRPD_LAB", "auto"), "auto, native, uml or qemu; $GOVRRPD_LAB")
	fs.StringVar(&o.mem, "mem", "2G", "memory of the guest")
	fs.DurationVar(&o.timeout, "timeout", 30*time.Minute, "after which the guest is killed")
	fs.BoolVar(&o.tty, "t", false, "give the command this terminal")
	if err := fs.Parse(args); err != nil {
		return o, nil, err
	}
	if fs.NArg() == 0 {
		return o, nil, errors.New("no command given: lab [-kernel uml] CMD [ARG…]")
	}
	argv := fs.Args()
	program, err := exec.LookPath(argv[0])
	if err != nil {
		return o, nil, err
	}
	argv[0], err = filepath.Abs(program)
	return o, argv, err
}

func envOr(name, fallback string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return fallback
}

// choose returns the way to run; auto prefers the host's own kernel, then user-mode-linux.
func choose(name string) (kernel, error) {
	switch name {
	case "native":
		return native, nil
	case "uml":
		return uml, nil
	case "qemu":
		return qemu, nil
	case "auto":
		if hostHasIPVS() {
			return native, nil
		}
		return uml, nil
	}
	return nil, fmt.Errorf("kernel %q is not known: want auto, native, uml or qemu", name)
}
