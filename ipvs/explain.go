package ipvs

import (
	"errors"
	"fmt"
	"syscall"
)

// explain says what the kernel's error number means for op, and what to do about it.
func explain(op Op, err error) error {
	hint := op.hint(err)
	if hint == "" {
		return fmt.Errorf("%s: %w", op, err)
	}
	return fmt.Errorf("%s: %s (%w)", op, hint, err)
}

func (o Op) hint(err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return ""
	}
	if h := systemHint(o.Service.Key, errno); h != "" {
		return h
	}
	h := ""
	switch o.Verb {
	case AddService, EditService:
		h = serviceHint(o.Service, errno)
	case AddDest, EditDest:
		h = destHint(o.Service.AF(), o.Dest, errno)
	}
	if h == "" && outdated(o, err) {
		h = "somebody else changes the same service"
	}
	return h
}

// needsAdmin is what to do where the kernel lets this process change nothing. IPVS asks for the capability in the first user namespace, whoever
// owns the network namespace.
const needsAdmin = "the process needs CAP_NET_ADMIN, and not that of a user namespace: a rootless container has none for IPVS"

// explainRead says what the kernel's error means for a read of the table, and what to do about it.
func explainRead(err error) error {
	var errno syscall.Errno
	if !errors.As(err, &errno) || errno != syscall.EPERM && errno != syscall.EACCES {
		return err
	}
	return fmt.Errorf("%s (%w)", needsAdmin, err)
}

// systemHint is for what does not depend on the values of the change.
func systemHint(k Key, errno syscall.Errno) string {
	switch errno {
	case syscall.EPERM, syscall.EACCES:
		return needsAdmin
	case syscall.ENOMEM, syscall.ENOBUFS, syscall.ENOSPC:
		return "the kernel is out of memory: have fewer services and servers, or more memory"
	case syscall.EPROTONOSUPPORT:
		return fmt.Sprintf("this kernel does not balance %s", k.Proto)
	case syscall.EAFNOSUPPORT:
		return "this kernel's IPVS knows no IPv6: it needs CONFIG_IP_VS_IPV6, and IPv6 not disabled"
	}
	return ""
}

func serviceHint(s Service, errno syscall.Errno) string {
	switch {
	case errno == syscall.ENOENT && s.Engine != "":
		return fmt.Sprintf("scheduler %q or persistence engine %q is unknown to this kernel: are modules ip_vs_%s and ip_vs_pe_%s there?",
			s.Scheduler, s.Engine, s.Scheduler, s.Engine)
	case errno == syscall.ENOENT:
		return fmt.Sprintf("scheduler %q is unknown to this kernel: is module ip_vs_%s there?", s.Scheduler, s.Scheduler)
	case errno == syscall.EINVAL && s.AF() == V6 && (s.Netmask < 1 || s.Netmask > 128):
		return fmt.Sprintf("clients of IPv6 persist by a prefix of 1 to 128 bits, not %d", s.Netmask)
	}
	return ""
}

// destHint asks in the order in which the kernel does.
func destHint(service Family, d Dest, errno syscall.Errno) string {
	family := familyOf(d.Addr.Addr())
	switch {
	case errno == syscall.ERANGE && d.Weight < 0:
		return "a weight is at least 0"
	case errno == syscall.ERANGE:
		return fmt.Sprintf("the lower bound, %d, must not be above the upper one, %d", d.Lower, d.Upper)
	case errno != syscall.EINVAL:
		return ""
	case family != service && d.Forward != TUN:
		return fmt.Sprintf("an %s server of an %s service can be reached by tun only, not by %s", family, service, d.Forward)
	case d.Tunnel.Kind == GUE && d.Tunnel.Port == 0:
		return "a tunnel by gue needs the UDP port of the server's end"
	}
	hint := fmt.Sprintf("the kernel does not take %s for a host's address: is it a broadcast address, or has this machine no address yet?", d.Addr.Addr())
	if family != service {
		hint += fmt.Sprintf(" Or is a sync daemon running? It excludes %s servers of %s services.", family, service)
	}
	return hint
}
