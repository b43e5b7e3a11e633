package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// specVariable names the spec file to process 1 of the guest; the kernel turns name=value of its command line into environment.
const specVariable = "GOVRRPD_LAB_SPEC"

// A spec is what process 1 of the guest is told, and where it answers: a folder that host and guest both see.
type spec struct {
	Args   []string
	Env    []string
	Dir    string
	TTY    *unix.Winsize // size of the terminal; nil when there is none
	Native bool          // in namespaces of the host's own kernel
	Serial bool          // consoles are serial lines, and /lib/modules is the guest's own: qemu
	folder string
}

// newSpec carries the caller's working directory and environment over.
func newSpec(argv []string, tty bool) (*spec, error) {
	wd, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	s := &spec{Args: argv, Env: guestEnv(os.Environ()), Dir: wd}
	if tty {
		if s.TTY, err = unix.IoctlGetWinsize(0, unix.TIOCGWINSZ); err != nil {
			return nil, fmt.Errorf("-t: standard input is not a terminal: %w", err)
		}
	}
	s.folder, err = os.MkdirTemp("", "govrrpd-lab-")
	return s, err
}

// guestEnv is env with the temporary files of the command sent to the guest's memory: a host file system behind hostfs is slow and
// does not hold sockets.
func guestEnv(env []string) []string {
	env = slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		return strings.HasPrefix(kv, "TMPDIR=") || strings.HasPrefix(kv, "GOVRRPD_LAB=")
	})
	return append(env, "TMPDIR="+guestTemp, "GOVRRPD_LAB=inside")
}

func (s *spec) path() string       { return filepath.Join(s.folder, "spec.json") }
func (s *spec) statusPath() string { return statusPath(s.path()) }
func (s *spec) remove() error      { return os.RemoveAll(s.folder) }

func statusPath(specPath string) string { return filepath.Join(filepath.Dir(specPath), "status") }

func (s *spec) write() error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(s.path(), b, 0o600)
}

func readSpec(path string) (*spec, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s := new(spec)
	return s, json.Unmarshal(b, s)
}

// status reads what the guest left: "STATUS" or "125 why it could not run the command".
func (s *spec) status() (int, error) {
	b, err := os.ReadFile(s.statusPath())
	if err != nil {
		return statusLab, fmt.Errorf("the guest ended without a result: %w", err)
	}
	number, why, _ := strings.Cut(string(b), " ")
	n, err := strconv.Atoi(number)
	if err != nil {
		return statusLab, fmt.Errorf("the guest left the result %q, want a number", b)
	}
	if why != "" {
		return n, fmt.Errorf("in the guest: %s", why)
	}
	return n, nil
}
