package checkers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// helperVariable makes the test binary a daemon that runs the script in it, see TestScriptDiesWithTheDaemon.
const helperVariable = "CHECKERS_TEST_SCRIPT"

func TestMain(m *testing.M) {
	if script := os.Getenv(helperVariable); script != "" {
		fmt.Println(Script{Command: []string{"sh", "-c", script}}.Check(context.Background()))
		return
	}
	os.Exit(m.Run())
}

func sh(script string) Script { return Script{Command: []string{"/bin/sh", "-c", script}} }

// writeFile writes a file with mode and returns its name. Its folder can be searched by any user.
func writeFile(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestScriptIsJudgedByItsExitStatus(t *testing.T) {
	plain := writeFile(t, "exit 0\n", 0o755)
	locked := writeFile(t, "#!/bin/sh\nexit 0\n", 0o644)
	orphan := writeFile(t, "#!/nonexistent/interpreter\n", 0o755)
	good := writeFile(t, "#!/bin/sh\nexit 0\n", 0o755)
	tests := []struct {
		name string
		ask  Script
		want string
	}{
		{"0 is well", sh("exit 0"), ""},
		{"1 is not", sh("exit 1"), "exit status 1"},
		{"2 is not, without weights", sh("exit 2"), "exit status 2"},
		{"the last line of output helps", sh("echo first; echo disk full >&2; echo; exit 3"), "exit status 3: disk full"},
		{"output of a success is not asked for", sh("echo fine"), ""},
		{"a signal", sh("kill -9 $$"), "killed by signal 9 (killed)"},
		{"a signal is a failure with weights too", Script{Command: []string{"sh", "-c", "kill -15 $$"}, Weighted: true}, "killed by signal 15 (terminated)"},
		{"a file", Script{Command: []string{good}}, ""},
		{"found in the path", Script{Command: []string{"true"}}, ""},
		{"arguments are not for a shell", Script{Command: []string{"test", "$HOME; *", "=", "$HOME; *"}}, ""},
		{"missing", Script{Command: []string{"/nonexistent"}}, "run /nonexistent: no such file, or its interpreter (#! line) is missing"},
		{"not in the path", Script{Command: []string{"no-such-program"}}, "run no-such-program: no such program in " + scriptPath},
		{"interpreter missing", Script{Command: []string{orphan}}, "run " + orphan + ": no such file, or its interpreter (#! line) is missing"},
		{"not executable", Script{Command: []string{locked}}, "run " + locked + ": not executable for the user it runs as"},
		{"a folder", Script{Command: []string{"/tmp"}}, "run /tmp: not executable for the user it runs as"},
		{"no interpreter line", Script{Command: []string{plain}}, "run " + plain + ": not a program: the first line must be #! and an interpreter"},
		{"no command", Script{}, `the script has no command: want, for example, ["/usr/local/bin/check", "10.0.0.11"]`},
		{"a NUL byte", Script{Command: []string{"true", "a\x00b"}}, `the script's argument "a\x00b" has a NUL byte in it`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantError(t, probeFor(t, tt.ask, 10*time.Second), tt.want)
		})
	}
}

func TestScriptWeight(t *testing.T) {
	type result struct {
		Weight int
		OK     bool
		Err    string
	}
	tests := []struct {
		weighted bool
		status   int
		want     result
	}{
		{true, 0, result{}},
		{true, 1, result{Err: "exit status 1"}},
		{true, 2, result{OK: true}},
		{true, 12, result{Weight: 10, OK: true}},
		{true, 255, result{Weight: 253, OK: true}},
		{false, 0, result{}},
		{false, 12, result{Err: "exit status 12"}},
	}
	for _, tt := range tests {
		c := sh(fmt.Sprintf("exit %d", tt.status))
		c.Weighted = tt.weighted
		weight, ok, err := c.CheckWeight(t.Context())
		got := result{Weight: weight, OK: ok}
		if err != nil {
			got.Err = err.Error()
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("weighted %t, exit status %d (-want +got):\n%s", tt.weighted, tt.status, diff)
		}
	}
}

func TestScriptSurroundings(t *testing.T) {
	t.Setenv("SECRET", "not for scripts")
	open, err := os.Create(filepath.Join(t.TempDir(), "secret"))
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	for script, want := range map[string]string{
		`tr '\0' ' ' </proc/$$/environ; exit 1`:                                     "exit status 1: PATH=" + scriptPath,
		`pwd; exit 1`:                                                               "exit status 1: /",
		`read line; echo "read says $?"; exit 1`:                                    "exit status 1: read says 1",
		`read -r _ _ _ _ group _ </proc/$$/stat; test $$ = $group && exit 7`:        "exit status 7", // a group of its own
		`ls -l /proc/self/fd | grep -c secret; exit 1`:                              "exit status 1: 0",
		`printf '\033[31m\377bad\r\n\n'; exit 1`:                                    "exit status 1: [31mbad",
		`i=0; while test $i -lt 99; do printf 0123456789; i=$((i+1)); done; exit 1`: "exit status 1: " + strings.Repeat("0123456789", 99)[990-tailSize:],
	} {
		wantError(t, probeFor(t, sh(script), 10*time.Second), want)
	}
}

func TestScriptRunsAsItsUser(t *testing.T) {
	c := sh(`echo "$(id -u) $(id -g) $(id -G)"; exit 1`)
	c.User = &Credential{UID: 65534, GID: 65533}
	want := "exit status 1: 65534 65533 65533"
	if os.Getuid() != 0 {
		want = "run /bin/sh as uid 65534 gid 65533: the daemon may not change its user"
	}
	wantError(t, probeFor(t, c, 10*time.Second), want)
}

func TestScriptHugeOutputCostsNothing(t *testing.T) {
	wantError(t, probeFor(t, sh("yes | head -c 20000000; echo the end; exit 1"), 20*time.Second), "exit status 1: the end")
}

// gone reports whether process pid has ended.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(after, "Z") || strings.HasPrefix(after, "X") // nobody has asked for its status yet
}

// readPID returns the process number that a script has written to file.
func readPID(t *testing.T, file string) int {
	t.Helper()
	var pid int
	eventually(t, "the script wrote its process number", func() bool {
		text, err := os.ReadFile(file)
		if err != nil || !strings.HasSuffix(string(text), "\n") {
			return false
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
		return err == nil
	})
	return pid
}

func TestScriptIsKilledWithItsGroupAtTheDeadline(t *testing.T) {
	const want = "no answer within 1s: killed with its process group"
	for name, script := range map[string]string{
		"a child":            `sleep 1000 & echo $! >FILE; wait`,
		"a child's child":    `sh -c 'sleep 1000 & echo $! >FILE; wait' & wait`,
		"deaf to SIGTERM":    `trap "" TERM INT HUP; sleep 1000 & echo $! >FILE; while :; do wait; done`,
		"the script is gone": `(sleep 1000 & echo $! >FILE; wait) & while ! test -s FILE; do :; done; exec sleep 1000`,
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "pid")
			err := probeFor(t, sh(strings.ReplaceAll(script, "FILE", file)), time.Second)
			wantError(t, err, want)
			pid := readPID(t, file)
			eventually(t, "the grandchild has ended", func() bool { return gone(pid) })
		})
	}
}

func TestScriptLeavesNothingBehind(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	began := time.Now()
	wantError(t, probeFor(t, sh("sleep 1000 & echo $! >"+file+"; exit 4"), 30*time.Second), "exit status 4")
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("a child with the output open held the probe for %s", took)
	}
	pid := readPID(t, file)
	eventually(t, "the child has ended", func() bool { return gone(pid) })
}

func TestScriptThatMadeADaemonIsJudgedWithoutIt(t *testing.T) {
	for status, want := range map[int]string{0: "", 5: "exit status 5"} {
		file := filepath.Join(t.TempDir(), "pid")
		script := `setsid sh -c 'echo $$ >FILE; exec sleep 1000' & while ! test -s FILE; do :; done; exit ` + strconv.Itoa(status)
		began := time.Now()
		wantError(t, probeFor(t, sh(strings.ReplaceAll(script, "FILE", file)), 30*time.Second), want)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("a daemon with the output open held the probe for %s", took)
		}
		pid := readPID(t, file)
		if gone(pid) {
			t.Error("a process with a session of its own was killed")
		}
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

func TestScriptDoesNotStartAfterTheDeadline(t *testing.T) {
	file := filepath.Join(t.TempDir(), "trace")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 0, lateError(time.Second))
	defer cancel()
	wantError(t, sh("echo >"+file).Check(ctx), "no answer within 1s")
	if _, err := os.Stat(file); err == nil {
		t.Error("the script ran")
	}
}

func TestScriptDiesWithTheDaemon(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	daemon := exec.Command(os.Args[0])
	daemon.Env = append(os.Environ(), helperVariable+"=echo $$ >"+file+"; exec sleep 1000")
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	pid := readPID(t, file)
	if gone(pid) {
		t.Fatal("the script has ended")
	}
	daemon.Process.Kill()
	daemon.Wait()
	eventually(t, "the script has ended", func() bool { return gone(pid) })
}

func TestProbesLeakNoFilesOrProcesses(t *testing.T) {
	web := serve(t, reply("HTTP/1.1 200 OK\r\n\r\nOK"))
	quiet := serve(t, silent)
	probes := []Checker{
		TCP{Target: at(web)}, HTTP{Target: at(web)}, HTTP{Target: at(quiet)}, HTTP{Target: at(quiet), TLS: &TLS{}},
		sh("exit 0"), sh("sleep 1000"), Script{Command: []string{"/nonexistent"}},
	}
	all := func() {
		for _, c := range probes {
			ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, lateError(50*time.Millisecond))
			c.Check(ctx)
			cancel()
		}
	}
	all() // what is opened once: the poller
	before := openFDs(t)
	for range 5 {
		all()
	}
	eventually(t, "all files are closed", func() bool { return openFDs(t) <= before })
	var status syscall.WaitStatus
	if pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil); err != syscall.ECHILD {
		t.Errorf("a child is left: %d, %v", pid, err)
	}
}

func openFDs(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}
