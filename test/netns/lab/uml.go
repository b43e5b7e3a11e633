package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// umlModules is where Debian's user-mode-linux keeps its modules.
const umlModules = "/usr/lib/uml/modules"

// uml boots user-mode-linux: a kernel that is a process, with the host's root as its root.
func uml(ctx context.Context, s *spec, o options) (int, error) {
	for _, tool := range []string{"linux.uml", "modprobe"} {
		if _, err := exec.LookPath(tool); err != nil {
			return statusLab, fmt.Errorf("this kernel has no IPVS and %w: run `apt-get install user-mode-linux kmod`", err)
		}
	}
	if err := s.write(); err != nil {
		return statusLab, err
	}
	self, err := os.Executable()
	if err != nil {
		return statusLab, err
	}
	cmd := exec.CommandContext(ctx, "linux.uml", "mem="+o.mem, "rootfstype=hostfs", "rootflags=/", "rw", "quiet", "panic=-1",
		"init="+self, specVariable+"="+s.path(), "uml_dir="+s.folder, "umid=guest",
		"con=null", "con0=null,fd:1", umlConsole(s), "con2=null,fd:4")
	return runGuest(ctx, cmd, s, onOneCPU)
}

func umlConsole(s *spec) string {
	if s.TTY != nil {
		return "con1=fd:0,fd:3"
	}
	return "con1=null,fd:3"
}

// runGuest starts a guest kernel whose file descriptors 3 and 4 are the command's output and errors, and whose own output is the
// kernel's console: that is shown only when the guest dies without a result. The thread that starts the guest calls settle first.
func runGuest(ctx context.Context, cmd *exec.Cmd, s *spec, settle func()) (int, error) {
	var log tail
	cmd.Stdout, cmd.Stderr = &log, &log
	wait, err := connect(cmd)
	if err != nil {
		return statusLab, err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if s.TTY != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Foreground: true, Pdeathsig: syscall.SIGKILL}
		cmd.Stdin = os.Stdin
	}
	cmd.Cancel = func() error { return killGroup(cmd.Process.Pid) }
	cmd.WaitDelay = 2 * time.Second
	err = favoured(cmd, settle)
	if cmd.Process != nil {
		err = errors.Join(err, killGroup(cmd.Process.Pid)) // the threads of a guest that was killed
	}
	wait()
	if ctx.Err() != nil {
		return statusLab, context.Cause(ctx)
	}
	status, serr := s.status()
	if serr != nil && status == statusLab {
		return status, fmt.Errorf("%w\n%s", errors.Join(serr, err), log.String())
	}
	return status, serr
}

// guestNice is the nice value of a guest: tests in it measure milliseconds, and whatever else the host does should not count.
const guestNice = -15

// favoured runs cmd at guestNice; a user who may not have it goes without. The kernel weighs sessions first (autogroup) and nice
// values within them, so the guest has a session of its own. The thread is there until the end: the guest is killed when the one
// that started it dies.
func favoured(cmd *exec.Cmd, settle func()) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread keeps its priority, and ends with this goroutine
		_ = unix.Setpriority(unix.PRIO_PROCESS, 0, guestNice)
		settle()
		err := cmd.Start()
		if err == nil {
			_ = os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", cmd.Process.Pid), []byte(strconv.Itoa(guestNice)), 0)
			err = cmd.Wait()
		}
		result <- err
	}()
	return <-result
}

// killGroup ends every process of the group; that there is none left is what was wanted.
func killGroup(pid int) error {
	err := syscall.Kill(-pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// connect gives the guest pipes for its output: it makes what it gets non-blocking, which must not happen to the caller's own.
func connect(cmd *exec.Cmd) (wait func(), err error) {
	var copies sync.WaitGroup
	var ours []*os.File
	for _, to := range []*os.File{os.Stdout, os.Stderr} {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		cmd.ExtraFiles = append(cmd.ExtraFiles, w)
		ours = append(ours, w)
		copies.Go(func() {
			// A reader that went away must not stop the command: what it writes is then lost.
			_, _ = io.Copy(to, r)
			_, _ = io.Copy(io.Discard, r)
		})
	}
	return func() {
		for _, w := range ours {
			_ = w.Close()
		}
		copies.Wait()
	}, nil
}

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte // guarded by mu
}

// tailSize is enough for a kernel's last words.
const tailSize = 16 << 10

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	t.buf = t.buf[max(0, len(t.buf)-tailSize):]
	return len(p), nil
}

// String returns what is kept, without carriage returns and the blanks around it.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(bytes.ReplaceAll(t.buf, []byte("\r"), nil)))
}
