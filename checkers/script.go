package checkers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode"

	"golang.org/x/sys/unix"
)

// scriptPath is the PATH of a script, and where a program without a slash in its name is looked for. The daemon's own PATH, and
// the rest of its environment, are not handed on.
const scriptPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// drainTime is how long the output of a script may stay open after it and its process group are dead: only a process that left the
// group can hold it.
const drainTime = 50 * time.Millisecond

// Script runs a program, without a shell, and judges the server by its exit status: 0 is well, anything else is not. A script that
// is still running at the deadline is killed with its process group, and so is what it leaves running in the group when it exits:
// nothing that a probe started outlives it, unless it made itself a session of its own.
type Script struct {
	Command []string    // the program and its arguments
	User    *Credential // whom to run as; nil: the daemon's own user

	// Weighted makes the exit statuses 2 to 255 a success that also says the server's weight: the status less 2. This is what
	// keepalived's MISC_CHECK calls misc_dynamic. Exit status 0 returns the server to its configured weight.
	Weighted bool

	Environment map[string]string // what the program finds in its environment beside PATH
}

// A Credential is the user that a script runs as. It belongs to no other group than GID.
type Credential struct{ UID, GID uint32 }

// Validate returns an error when there is no program to run. Whether it exists is found out at each probe.
func (c Script) Validate() error {
	if len(c.Command) == 0 || c.Command[0] == "" {
		return errors.New(`the script has no command: want, for example, ["/usr/local/bin/check", "10.0.0.11"]`)
	}
	for _, arg := range c.Command {
		if strings.ContainsRune(arg, 0) {
			return fmt.Errorf("the script's argument %q has a NUL byte in it", arg)
		}
	}
	for name, value := range c.Environment {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.ContainsRune(value, 0) {
			return fmt.Errorf("%q with %q cannot be in an environment", name, value)
		}
	}
	return nil
}

// environment returns what the program finds there, in order.
func (c Script) environment() []string {
	env := []string{"PATH=" + scriptPath}
	for _, name := range slices.Sorted(maps.Keys(c.Environment)) {
		env = append(env, name+"="+c.Environment[name])
	}
	return env
}

// Check runs the script. Exit statuses that are weights count as success.
func (c Script) Check(ctx context.Context) error {
	_, _, err := c.CheckWeight(ctx)
	return err
}

// CheckWeight runs the script and returns the weight that its exit status says, if Weighted.
func (c Script) CheckWeight(ctx context.Context) (weight int, ok bool, err error) {
	var out tail
	status, err := c.run(ctx, &out)
	if err != nil {
		return 0, false, err
	}
	return c.judge(status, out.line())
}

// judge tells what the exit status means. It is a pure function.
func (c Script) judge(status int, output string) (weight int, ok bool, err error) {
	switch {
	case status == 0:
		return 0, false, nil
	case c.Weighted && status >= 2:
		return status - 2, true, nil
	case output != "":
		return 0, false, fmt.Errorf("exit status %d: %s", status, output)
	}
	return 0, false, fmt.Errorf("exit status %d", status)
}

// run runs the script to its end, or to that of ctx, and returns its exit status.
func (c Script) run(ctx context.Context, out *tail) (int, error) {
	if err := c.Validate(); err != nil {
		return 0, err
	}
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	cmd, err := c.command(out)
	if err != nil {
		return 0, err
	}
	// Linux sends Pdeathsig when the thread that started the child ends, not the process: keep this one until the child is gone.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return 0, c.startError(err)
	}
	killed := awaitGroup(ctx, cmd.Process.Pid)
	return c.status(ctx, cmd.Wait(), killed)
}

func (c Script) command(out *tail) (*exec.Cmd, error) {
	program, err := lookPath(c.Command[0])
	if err != nil {
		return nil, err
	}
	cmd := &exec.Cmd{
		Path:        program,
		Args:        c.Command,
		Env:         c.environment(),
		Dir:         "/",
		Stdout:      out,
		Stderr:      out,
		WaitDelay:   drainTime,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	}
	if c.User != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: c.User.UID, Gid: c.User.GID}
	}
	return cmd, nil
}

// lookPath finds a program without a slash in its name in scriptPath. Others are taken as they are.
func lookPath(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for dir := range strings.SplitSeq(scriptPath, ":") {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("run %s: no such program in %s", name, scriptPath)
}

func (c Script) startError(err error) error {
	name := c.Command[0]
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("run %s: no such file, or its interpreter (#! line) is missing", name)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("run %s: not executable for the user it runs as", name)
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Errorf("run %s: not a program: the first line must be #! and an interpreter", name)
	case errors.Is(err, syscall.EPERM) && c.User != nil:
		return fmt.Errorf("run %s as uid %d gid %d: the daemon may not change its user", name, c.User.UID, c.User.GID)
	}
	return fmt.Errorf("run %s: %w", name, why(context.Background(), err))
}

// awaitGroup waits until process pid has exited, kills what is left of its group, and reports whether it had to be killed itself.
// The process is not reaped here: until it is, nobody else can get its number, so that the signal cannot hit a stranger.
func awaitGroup(ctx context.Context, pid int) (killed bool) {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		_ = unix.Kill(-pid, unix.SIGKILL)
	})
	for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	if killed = !stop(); killed {
		<-done
	}
	_ = unix.Kill(-pid, unix.SIGKILL)
	return killed
}

// status returns the exit status out of what Wait returned.
func (c Script) status(ctx context.Context, err error, killed bool) (int, error) {
	var exit *exec.ExitError
	switch {
	case killed:
		return 0, fmt.Errorf("%w: killed with its process group", context.Cause(ctx))
	case err == nil, errors.Is(err, exec.ErrWaitDelay): // a daemon that it left behind has its output open
		return 0, nil
	case !errors.As(err, &exit):
		return 0, fmt.Errorf("wait for %s: %w", c.Command[0], err)
	}
	if ws := exit.Sys().(syscall.WaitStatus); ws.Signaled() {
		return 0, fmt.Errorf("killed by signal %d (%s)", ws.Signal(), ws.Signal())
	}
	return exit.ExitCode(), nil
}

// tailSize is how much of a script's output is kept, in bytes, to quote its last line.
const tailSize = 256

// A tail keeps the last tailSize bytes of what is written to it.
type tail struct{ buf []byte }

// Write never fails and never keeps more than tailSize bytes.
func (t *tail) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p[max(0, len(p)-tailSize):]...)
	if extra := len(t.buf) - tailSize; extra > 0 {
		t.buf = append(t.buf[:0], t.buf[extra:]...)
	}
	return len(p), nil
}

// line returns the last line that is not empty, fit for a log and a terminal: without control characters.
func (t *tail) line() string {
	text := strings.TrimSpace(strings.ToValidUTF8(string(t.buf), ""))
	last := text[strings.LastIndexByte(text, '\n')+1:]
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, last)
}
