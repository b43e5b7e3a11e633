package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// guestTemp is where the command's temporary files go: memory of the guest.
const guestTemp = "/run/tmp"

// The modules that no request of the kernel's own brings in, and those whose first use should not pay for loading them: one that has something in each
// network namespace waits until the kernel has done away with those that are gone, which took minutes while it held on to a packet. All but
// ip_vs may be built in or absent.
var (
	needModules = []string{"ip_vs"}
	wantModules = []string{
		"ip_vs_rr", "ip_vs_wrr", "ip_vs_wlc", "veth", "bridge", "dummy", "macvlan", "ipip", "ip6_tunnel", "sch_netem",
		"nf_tables", "nft_chain_nat", "nf_conntrack", "8021q", "fou", "fou6", "sit", "ip_gre", "ip6_gre", "sctp", "ip_vs_lblc", "ip_vs_lblcr",
	}
)

// guestMain is process 1: it never returns, because a kernel whose process 1 ends panics.
func guestMain(specPath string) {
	s, err := readSpec(specPath)
	if err != nil {
		fmt.Println("lab:", err)
		powerOff()
	}
	status, err := s.runInGuest()
	result := strconv.Itoa(status)
	if err != nil {
		result += " " + err.Error()
	}
	if err := writeSynced(statusPath(specPath), result); err != nil {
		fmt.Println("lab:", err)
	}
	if s.Native {
		os.Exit(0)
	}
	powerOff()
}

func (s *spec) runInGuest() (int, error) {
	if err := s.prepare(); err != nil {
		return statusLab, err
	}
	in, out, errs, err := s.streams()
	if err != nil {
		return statusLab, err
	}
	pid, err := syscall.ForkExec(s.Args[0], s.Args, &syscall.ProcAttr{
		Dir: s.Dir, Env: s.Env, Files: []uintptr{in.Fd(), out.Fd(), errs.Fd()},
		Sys: &syscall.SysProcAttr{Setsid: !s.Native, Setctty: !s.Native && s.TTY != nil},
	})
	if err != nil {
		return statusLab, fmt.Errorf("%s: %w", s.Args[0], err)
	}
	status, err := reap(pid)
	for _, f := range []*os.File{out, errs} {
		err = errors.Join(err, drain(f))
	}
	return status, err
}

// drain waits until the other end has read what is still in the terminal's buffer, which would be lost at power off. A pipe has
// none (ENOTTY), nor has a terminal whose session ended (EIO).
func drain(f *os.File) error {
	err := unix.IoctlSetInt(int(f.Fd()), unix.TCSBRK, 1) // tcdrain
	if err == nil || errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EIO) {
		return nil
	}
	return fmt.Errorf("drain %s: %w", f.Name(), err)
}

// reap waits for everybody's children, as process 1 must, until the child pid has ended.
func reap(pid int) (int, error) {
	for {
		var ws syscall.WaitStatus
		got, err := syscall.Wait4(-1, &ws, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return statusLab, fmt.Errorf("wait: %w", err)
		case got == pid && ws.Signaled():
			return 128 + int(ws.Signal()), nil
		case got == pid && ws.Exited():
			return ws.ExitStatus(), nil
		}
	}
}

// prepare makes the surroundings that a command finds on a booted host.
func (s *spec) prepare() error {
	if !s.Native {
		if err := os.MkdirAll("/lib/modules", 0o755); err != nil {
			return err
		}
	}
	// First of all, so that no mount below reaches the host.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := s.mounts(); err != nil {
		return err
	}
	if !s.Native {
		if err := errors.Join(s.loadModules(), unix.Sethostname([]byte("lab"))); err != nil {
			return err
		}
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("lo: %w", err)
	}
	return netlink.LinkSetUp(lo)
}

func (s *spec) mounts() error {
	type mount struct{ kind, target string }
	list := []mount{{"proc", "/proc"}, {"sysfs", "/sys"}, {"tmpfs", "/run"}}
	if !s.Native && !s.Serial {
		list = append(list, mount{"tmpfs", "/lib/modules"})
	}
	for _, m := range list {
		if err := os.MkdirAll(m.target, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, m.target, m.kind, 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	return os.MkdirAll(guestTemp, 0o1777)
}

// linkModules links the modules of user-mode-linux to where modprobe and the kernel look for them.
func linkModules() error {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return err
	}
	release := unix.ByteSliceToString(u.Release[:])
	return os.Symlink(filepath.Join(umlModules, release), filepath.Join("/lib/modules", release))
}

func (s *spec) loadModules() error {
	if !s.Serial {
		if err := linkModules(); err != nil {
			return err
		}
	}
	modprobe, err := exec.LookPath("/sbin/modprobe")
	if err != nil {
		return fmt.Errorf("%w: run `apt-get install kmod` on the host", err)
	}
	out, err := exec.Command(modprobe, append([]string{"-a"}, needModules...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("modprobe %s: %w: %s", strings.Join(needModules, " "), err, out)
	}
	// Not every kernel has each of the others as a module; what needs one and does not find it says so itself.
	_ = exec.Command(modprobe, append([]string{"-qa"}, wantModules...)...).Run()
	return nil
}

func writeSynced(path, text string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// powerOff ends the guest; a minimal Debian has no command for it.
func powerOff() {
	unix.Sync()
	err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	panic(fmt.Sprintf("lab: power off: %v", err))
}
