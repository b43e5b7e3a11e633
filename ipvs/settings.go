package ipvs

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
)

// A Settings is the part of a kernel's IPVS that is not services: that of the running kernel (Netlink), or one in memory.
type Settings interface {
	// Host returns the timeouts, the daemons, and the sysctls of these names as far as the kernel knows them.
	Host(sysctls []string) (Host, error)
	// Set makes the changes in order and returns one error or nil for each. One that the kernel refused has a syscall.Errno.
	Set([]SettingOp) []error
}

// A SettingVerb is a kind of change of a Host.
type SettingVerb uint8

// The changes of a Host. DiffHost has LoadHelper first and the others in this order, but for StopDaemon.
const (
	SetSysctl SettingVerb = iota + 1
	SetTimeouts
	StopDaemon
	StartDaemon
	LoadHelper
)

// A Sysctl is one setting of net.ipv4.vs.
type Sysctl struct{ Name, Value string }

// A SettingOp is one change of a Host. It is comparable, and only what its Verb needs is set.
type SettingOp struct {
	Verb     SettingVerb
	Sysctl   Sysctl
	Timeouts Timeouts // 0 for those that stay
	Daemon   Daemon   // of StopDaemon the State counts
	Helper   Helper
}

// String returns the change as logs show it: "set net.ipv4.vs.conntrack = 1", "start sync daemon master on eth1, …".
func (o SettingOp) String() string {
	switch o.Verb {
	case SetSysctl:
		return fmt.Sprintf("set net.ipv4.vs.%s = %s", o.Sysctl.Name, o.Sysctl.Value)
	case SetTimeouts:
		return "set timeouts " + o.Timeouts.String()
	case StopDaemon:
		return fmt.Sprintf("stop sync daemon %s", o.Daemon.State)
	case StartDaemon:
		return "start sync daemon " + o.Daemon.String()
	case LoadHelper:
		return fmt.Sprintf("load helper %s for the ports %s", o.Helper.Name, o.Helper.Ports)
	}
	return fmt.Sprintf("setting change %d", o.Verb)
}

// DiffHost returns the changes that make have into want, in a fixed order: helpers, sysctls, which a daemon reads when it starts, timeouts, and daemons. A
// daemon that is right is not touched; one that is wrong is stopped and started, as the kernel changes none that runs; one that is not wanted is stopped
// after the others were started, so that a director that becomes master says at once what it has.
func DiffHost(have, want Host) []SettingOp {
	ops := diffHelpers(have, want)
	for _, name := range slices.Sorted(maps.Keys(want.Sysctls)) {
		if value := want.Sysctls[name]; !sameSysctl(name, have.Sysctls[name], value) {
			ops = append(ops, SettingOp{Verb: SetSysctl, Sysctl: Sysctl{name, value}})
		}
	}
	if want.Timeouts.over(have.Timeouts) != have.Timeouts {
		ops = append(ops, SettingOp{Verb: SetTimeouts, Timeouts: want.Timeouts})
	}
	var last []SettingOp
	for _, state := range []DaemonState{SyncMaster, SyncBackup} {
		is, runs := have.daemon(state)
		should, wanted := want.daemon(state)
		switch {
		case runs && !wanted:
			last = append(last, SettingOp{Verb: StopDaemon, Daemon: Daemon{State: state}})
		case runs && !is.satisfies(should):
			ops = append(ops, SettingOp{Verb: StopDaemon, Daemon: Daemon{State: state}}, SettingOp{Verb: StartDaemon, Daemon: should})
		case wanted && !runs:
			ops = append(ops, SettingOp{Verb: StartDaemon, Daemon: should})
		}
	}
	return append(ops, last...)
}

// sameSysctl reports whether the kernel's text of a setting says the same as the wanted one. Of the three defences 1 and 2 are the same wish:
// the kernel goes from one to the other by itself as memory gets short (Linux: ipvs-sysctl, drop_entry).
func sameSysctl(name, have, want string) bool {
	is, should := strings.Join(strings.Fields(have), " "), strings.Join(strings.Fields(want), " ")
	switch name {
	case "drop_entry", "drop_packet", "secure_tcp":
		automatic := func(v string) bool { return v == "1" || v == "2" }
		if automatic(is) && automatic(should) {
			return true
		}
	}
	return is == should
}

// explainSetting says what the kernel's error number means for o, and what to do about it.
func explainSetting(o SettingOp, err error) error {
	hint := o.hint(err)
	if hint == "" {
		return fmt.Errorf("%s: %w", o, err)
	}
	return fmt.Errorf("%s: %s (%w)", o, hint, err)
}

func (o SettingOp) hint(err error) string {
	var errno syscall.Errno
	switch {
	case o.Verb == LoadHelper:
		return o.Helper.hint(err)
	case !errors.As(err, &errno):
		return ""
	case o.Verb != SetSysctl && (errno == syscall.EPERM || errno == syscall.EACCES):
		return needsAdmin
	case errno == syscall.EROFS:
		return "/proc/sys is mounted read-only here: set it outside of the container"
	}
	switch o.Verb {
	case SetSysctl:
		return o.sysctlHint(errno)
	case StartDaemon:
		return o.Daemon.hint(errno)
	case SetTimeouts:
		if errno == syscall.EINVAL {
			return "the kernel takes no timeout that long"
		}
	}
	return ""
}

func (o SettingOp) sysctlHint(errno syscall.Errno) string {
	switch errno {
	case syscall.ENOENT:
		return "this kernel's IPVS has no such setting: remove it from sysctls"
	case syscall.EINVAL, syscall.ERANGE:
		return "the kernel does not take this value"
	case syscall.EPERM, syscall.EACCES:
		return "run as root; in a network namespace some of them are fixed"
	}
	return ""
}

func (d Daemon) hint(errno syscall.Errno) string {
	switch errno {
	case syscall.ENODEV:
		return fmt.Sprintf("there is no interface %s", d.Interface)
	case syscall.EADDRNOTAVAIL, syscall.ENETDOWN, syscall.ENETUNREACH:
		return fmt.Sprintf("interface %s must be up and have an address of the group's family, and a route to %s", d.Interface, d.filled().Group)
	case syscall.EEXIST:
		return "somebody else has started one"
	case syscall.EADDRINUSE:
		return fmt.Sprintf("port %d is taken by another program", d.filled().Port)
	case syscall.EAFNOSUPPORT:
		return "this kernel's IPVS knows no IPv6 groups"
	case syscall.EINVAL:
		return fmt.Sprintf("there must be no service with servers of the other address family, and %s must be a multicast group", d.filled().Group)
	case syscall.ENOMEM, syscall.ENOBUFS:
		return "the kernel is out of memory"
	}
	return ""
}
