package ipvs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// sysctlFolder is that of the namespace of the thread that opens it; what is opened below it stays with that namespace.
const sysctlFolder = "/proc/sys/net/ipv4/vs"

// openSysctls opens the settings of the namespace that the calling thread is in.
func (n *Netlink) openSysctls() error {
	fd, err := unix.Open(sysctlFolder, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("IPVS settings: %w", &os.PathError{Op: "open", Path: sysctlFolder, Err: err})
	}
	if n.sysctls != nil {
		n.sysctls.Close()
	}
	n.sysctls = os.NewFile(uintptr(fd), sysctlFolder)
	return nil
}

// sysctl opens one setting. A folder that went with the module is opened anew.
func (n *Netlink) sysctl(name string, flags int) (*os.File, error) {
	if name == "" || strings.ContainsAny(name, "/\x00") || strings.HasPrefix(name, ".") {
		return nil, &os.PathError{Op: "open", Path: sysctlFolder + "/" + name, Err: unix.ENOENT}
	}
	if n.sysctls == nil {
		if err := n.openSysctls(); err != nil {
			return nil, err
		}
	}
	for again := false; ; again = true {
		fd, err := unix.Openat(int(n.sysctls.Fd()), name, flags|unix.O_CLOEXEC, 0)
		if err == nil {
			return os.NewFile(uintptr(fd), name), nil
		}
		if again || !errors.Is(err, unix.ENOENT) || n.openSysctls() != nil {
			return nil, &os.PathError{Op: "open", Path: sysctlFolder + "/" + name, Err: err}
		}
	}
}

// Host returns the settings of the namespace. A sysctl that this kernel does not have is missing in it.
func (n *Netlink) Host(sysctls []string) (Host, error) {
	if err := n.resolve(); err != nil {
		return Host{}, fmt.Errorf("ipvs: %w", err)
	}
	h := Host{Sysctls: make(map[string]string, len(sysctls))}
	for _, name := range sysctls {
		value, err := n.readSysctl(name)
		switch {
		case err == nil:
			h.Sysctls[name] = value
		case !errors.Is(err, unix.ENOENT):
			return Host{}, fmt.Errorf("ipvs: %w", err)
		}
	}
	var err error
	if h.Timeouts, err = n.timeouts(); err != nil {
		return Host{}, fmt.Errorf("ipvs: read timeouts: %w", err)
	}
	if h.Daemons, err = n.daemons(); err != nil {
		return Host{}, fmt.Errorf("ipvs: read sync daemons: %w", err)
	}
	h.Loads = n.loads(h.Daemons)
	h.Heard = n.listenTo(h.Daemons)
	h.Helpers = n.helpers()
	return h, nil
}

func (n *Netlink) readSysctl(name string) (string, error) {
	f, err := n.sysctl(name, unix.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer f.Close()
	buf := make([]byte, 4096) // a page: the kernel has none that is longer
	size, err := f.Read(buf)
	return strings.Join(strings.Fields(string(buf[:max(size, 0)])), " "), err
}

func (n *Netlink) writeSysctl(s Sysctl) error {
	f, err := n.sysctl(s.Name, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(s.Value + "\n")
	return err
}

func (n *Netlink) timeouts() (t Timeouts, err error) {
	n.command(cmdGetConfig, nlAck)
	err = n.exchange(func(body []byte) error {
		t, err = decodeTimeouts(body)
		return err
	})
	return t, err
}

func (n *Netlink) daemons() (out []Daemon, err error) {
	n.command(cmdGetDaemon, nlDump)
	err = n.exchange(func(body []byte) error {
		b, err := nested(body, attrDaemon)
		if err != nil || b == nil {
			return err
		}
		d, err := decodeDaemon(b)
		out = append(out, d)
		return err
	})
	return out, err
}

// Info returns what the kernel says of its IPVS.
func (n *Netlink) Info() (i Info, err error) {
	n.command(cmdGetInfo, nlAck)
	err = n.exchange(func(body []byte) error {
		i, err = decodeInfo(body)
		return err
	})
	if err != nil {
		return i, fmt.Errorf("ipvs: read version: %w", err)
	}
	return i, nil
}

// command puts a message without attributes in n.out.
func (n *Netlink) command(cmd uint8, flags uint16) {
	n.out.b = n.out.b[:0]
	n.out.end(n.out.message(n.family, nlRequest|flags, n.next(), cmd))
}

// Set makes the changes one after the other, and returns one error or nil for each.
func (n *Netlink) Set(ops []SettingOp) []error {
	errs := make([]error, len(ops))
	for i, o := range ops {
		switch o.Verb {
		case SetSysctl:
			errs[i] = n.writeSysctl(o.Sysctl)
		case LoadHelper:
			errs[i] = n.loadHelper(o.Helper)
		default:
			errs[i] = n.setting(o)
		}
	}
	return errs
}

// setting makes a change and has a question follow it. To the end of a daemon whose thread has not run yet the kernel (seen with 6.1) answers
// nothing, as its error would be EINTR: when the question has its answer, there will be none to the change, and the daemon is gone.
func (n *Netlink) setting(o SettingOp) error {
	n.out.b = n.out.b[:0]
	change := n.next()
	n.out.setting(o, n.family, nlRequest|nlAck, change)
	n.out.end(n.out.message(n.family, nlRequest|nlAck, n.next(), cmdGetConfig))
	question := n.seq
	if err := n.send(); err != nil {
		return err
	}
	var refused error
	err := n.receive(time.Now().Add(answerTime), func(m message) (bool, error) {
		if m.typ != nlError || m.seq != change {
			return m.typ == nlError && m.seq == question, nil
		}
		errno, err := m.errno()
		if errno != 0 {
			refused = os.NewSyscallError("netlink", syscall.Errno(errno))
		}
		return false, err
	})
	return errors.Join(refused, err)
}

// loads reads what the sockets of daemons tell. Where /proc has them not, nothing is known, and nothing is wrong.
func (n *Netlink) loads(daemons []Daemon) map[DaemonState]SyncLoad {
	out := map[DaemonState]SyncLoad{}
	for _, d := range daemons {
		f := n.udp[familyOf(d.Group)]
		if f == nil {
			continue
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			continue
		}
		text, err := io.ReadAll(f)
		if err == nil {
			out[d.State] = parseSyncLoad(string(text), d)
		}
	}
	return out
}

// openSockets opens the lists of UDP sockets of the namespace that the calling thread is in.
func (n *Netlink) openSockets() {
	n.udp = map[Family]*os.File{}
	for family, name := range map[Family]string{V4: "udp", V6: "udp6"} {
		if f, err := os.Open("/proc/thread-self/net/" + name); err == nil {
			n.udp[family] = f
		}
	}
}
