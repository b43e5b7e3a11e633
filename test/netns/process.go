package netns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
)

// A Process is a program that runs in a node, with its output in a file.
type Process struct {
	Name  string
	node  *Node
	cmd   *exec.Cmd
	log   string
	ended chan struct{} // closed after the process was waited for
	err   error         // valid after ended
}

func (n *Node) command(ctx context.Context, argv []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	return cmd
}

// Start runs a program in the node in the background. What it prints is in the file NODE-NAME.log of the World; a second start
// under the same name appends to it.
func (n *Node) Start(name string, argv ...string) *Process {
	n.w.t.Helper()
	p := &Process{Name: name, node: n, log: filepath.Join(n.w.dir, n.Name+"-"+name+".log"), ended: make(chan struct{})}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	n.w.must(err, "%s: log of %s", n.Name, name)
	p.cmd = n.command(context.WithoutCancel(n.w.t.Context()), argv) // ends with the World, not before Cleanup
	p.cmd.Stdout, p.cmd.Stderr = out, out
	n.w.must(n.Do(p.cmd.Start), "%s: start %s", n.Name, name)
	n.procs = append(n.procs, p)
	go func() {
		p.err = p.cmd.Wait()
		_ = out.Close() // the process has its own; ours was never written to
		close(p.ended)
	}()
	return p
}

// PID returns the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Running tells whether the process has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// ExitStatus returns the exit status of a process that has ended, and -1 while it runs and when a signal has ended it.
func (p *Process) ExitStatus() int {
	if p.Running() {
		return -1
	}
	return p.cmd.ProcessState.ExitCode()
}

// Signal sends a signal to the process alone, not to its children. That it has ended already is no error.
func (p *Process) Signal(s syscall.Signal) {
	p.node.w.t.Helper()
	// Between the end of the process and the moment that ended is closed, only the error says that it has ended.
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.node.w.t.Fatalf("%s: signal %s: %v", p.Name, s, err)
	}
}

// Stop sends SIGTERM, waits for the end, and returns how the process ended.
func (p *Process) Stop() error { return p.end(syscall.SIGTERM) }

// Kill sends SIGKILL and waits for the end.
func (p *Process) Kill() { _ = p.end(syscall.SIGKILL) } // "signal: killed" is what was asked for

func (p *Process) end(s syscall.Signal) error {
	p.node.w.t.Helper()
	p.Signal(s)
	p.node.w.WaitFor(stopLimit, fmt.Sprintf("end of %s on %s", p.Name, p.node.Name), func() bool { return !p.Running() })
	return p.err
}

// Log returns what the process has printed so far, and its earlier runs under the same name.
func (p *Process) Log() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Logged tells whether a line of the log matches the regular expression.
func (p *Process) Logged(expr string) bool { return regexp.MustCompile(expr).MatchString(p.Log()) }
