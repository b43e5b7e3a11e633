package track

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A procfs is where /proc is mounted.
type procfs string

// process reads what pid is. It reports false for one that is gone or has exited and waits to be buried. The command line is read
// only where it is asked for.
func (p procfs) process(pid int, commandLine bool) (running, bool) {
	stat, err := os.ReadFile(p.path(pid, "stat"))
	if err != nil {
		return running{}, false
	}
	comm, ok := parseStat(stat)
	if !ok || !commandLine {
		return running{comm: comm}, ok
	}
	args, err := os.ReadFile(p.path(pid, "cmdline"))
	return running{comm: comm, args: parseCommandLine(args)}, err == nil
}

func (p procfs) path(pid int, name string) string {
	return filepath.Join(string(p), strconv.Itoa(pid), name)
}

// pids lists the processes.
func (p procfs) pids() ([]int, error) {
	dir, err := os.Open(string(p))
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var out []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			out = append(out, pid)
		}
	}
	return out, nil
}

// parseStat takes the name out of /proc/PID/stat, where it stands between the first and the last bracket, and reports false for a
// zombie.
func parseStat(b []byte) (comm string, ok bool) {
	start, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if start < 0 || end < start || len(b) < end+3 {
		return "", false
	}
	state := b[end+2]
	return string(b[start+1 : end]), state != 'Z' && state != 'X'
}

// parseCommandLine splits /proc/PID/cmdline, whose words end with a zero each.
func parseCommandLine(b []byte) []string {
	if len(b) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
}
