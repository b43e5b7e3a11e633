//go:build lab

package ipvs

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A hurdle makes the kernel refuse a service, for a reason of the kernel's own, and takes the reason away.
type hurdle struct {
	name    string
	service VirtualServer
	raise   func()
	lower   func()
	says    []string // in the status of the service
	rules   []string // of ipvsadm, once it is lowered
}

// withheld keeps a module of the kernel from being loaded, for as long as the folder of settings has a file that says so.
func withheld(t *testing.T, module string) (raise, lower func()) {
	t.Helper()
	const folder = "/run/modprobe.d" // the lab's own
	path := filepath.Join(folder, module+".conf")
	lower = func() { _ = os.Remove(path) }
	t.Cleanup(lower)
	return func() {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, fmt.Appendf(nil, "install %s /bin/false\n", module), 0o644); err != nil {
			t.Fatal(err)
		}
		// Namespaces of earlier tests go at leisure, and with them who uses the module.
		eventually(t, module+" to be unloaded", func() bool {
			_ = exec.Command("rmmod", module).Run()
			_, err := os.Stat("/sys/module/" + module)
			return errors.Is(err, os.ErrNotExist)
		}, func() string { return "it is in use" })
	}, lower
}

// An unprivileged kernel takes changes of the services that are denied from a thread without CAP_NET_ADMIN.
type unprivileged struct {
	*Netlink
	key    Key
	denied atomic.Bool
	lost   error
}

func (u *unprivileged) Apply(ops []Op) []error {
	errs := make([]error, 0, len(ops))
	for len(ops) > 0 {
		denied := u.denies(ops[0])
		n := slices.IndexFunc(ops, func(o Op) bool { return u.denies(o) != denied })
		if n < 0 {
			n = len(ops)
		}
		errs = append(errs, u.apply(ops[:n], denied)...)
		ops = ops[n:]
	}
	return errs
}

func (u *unprivileged) denies(o Op) bool { return u.denied.Load() && o.Service.Key == u.key }

func (u *unprivileged) apply(ops []Op, denied bool) (errs []error) {
	if !denied {
		return u.Netlink.Apply(ops)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var had, less [2]unix.CapUserData
	if u.lost = unix.Capget(&header, &had[0]); u.lost != nil {
		return make([]error, len(ops))
	}
	less = had
	less[0].Effective &^= 1 << unix.CAP_NET_ADMIN
	if u.lost = unix.Capset(&header, &less[0]); u.lost != nil {
		return make([]error, len(ops))
	}
	errs = u.Netlink.Apply(ops)
	u.lost = unix.Capset(&header, &had[0])
	return errs
}

// attempts has when each service was asked for, and refused.
type attempts struct {
	mu sync.Mutex
	at map[string][]time.Time
}

func (a *attempts) note(names map[Key]string) func([]Op, []error) {
	return func(ops []Op, errs []error) {
		a.mu.Lock()
		defer a.mu.Unlock()
		seen := map[string]bool{}
		for i, op := range ops {
			if name := names[op.Service.Key]; errs[i] != nil && !seen[name] {
				a.at[name] = append(a.at[name], time.Now())
				seen[name] = true
			}
		}
	}
}

// gaps are the times between the attempts at a service.
func (a *attempts) gaps(name string) (out []time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, at := range a.at[name] {
		if i > 0 {
			out = append(out, at.Sub(a.at[name][i-1]))
		}
	}
	return out
}

// hurdles has a row for each refusal that this kernel can be brought to. What it cannot be brought to is in TestExplainSaysWhatToDo, and injected
// in TestAnyTableToAnyOtherThroughFaults: that memory is short, and that a kernel was built without SCTP or IPv6.
func hurdles(t *testing.T, kernel *unprivileged) []hurdle {
	at := func(port int) Key { return tcp(fmt.Sprintf("192.0.2.10:%d", port)) }
	service := func(name string, k Key, s Service, servers ...RealServer) VirtualServer {
		return VirtualServer{Name: name, Keys: []Key{k}, Service: s, Servers: servers}
	}
	server := func(addr string, f Forward) RealServer {
		return RealServer{Addr: netip.MustParseAddrPort(addr), Forward: f, Weight: 1}
	}
	kernel.key = at(81)
	hurdles := []hurdle{
		{name: "no permission", service: service("denied", at(81), Service{Scheduler: "rr"}, server("10.0.0.1:81", NAT)),
			raise: func() { kernel.denied.Store(true) }, lower: func() { kernel.denied.Store(false) },
			says:  []string{"add service tcp 192.0.2.10:81 rr", needsAdmin, "operation not permitted"},
			rules: []string{"-A -t 192.0.2.10:81 -s rr\n", "-a -t 192.0.2.10:81 -r 10.0.0.1:81 -m -w 1\n"}},
		{name: "a server of the other family beside somebody's sync daemon",
			service: service("mixed", at(82), Service{Scheduler: "rr"}, server("[2001:db8::1]:82", TUN), server("10.0.0.1:82", TUN)),
			raise:   func() { ipvsadm(t, "--start-daemon", "master", "--mcast-interface", "lo") }, lower: func() { ipvsadm(t, "--stop-daemon", "master") },
			says: []string{"add server [2001:db8::1]:82", "to tcp 192.0.2.10:82", "is a sync daemon running?", "invalid argument"},
			rules: []string{"-A -t 192.0.2.10:82 -s rr\n", "-a -t 192.0.2.10:82 -r 10.0.0.1:82 -i -w 1 --tun-type ipip\n",
				"-a -t 192.0.2.10:82 -r [2001:db8::1]:82 -i -w 1 --tun-type ipip\n"}},
	}
	if !ownModules() {
		t.Log("the modules of this host's kernel are left alone")
		return hurdles
	}
	raiseScheduler, lowerScheduler := withheld(t, "ip_vs_lblcr")
	raiseEngine, lowerEngine := withheld(t, "ip_vs_pe_sip")
	sip := udp("192.0.2.10:5060")
	return append(hurdles,
		hurdle{name: "no scheduler", service: service("lblcr", at(83), Service{Scheduler: "lblcr"}, server("10.0.0.1:83", NAT)),
			raise: raiseScheduler, lower: lowerScheduler,
			says:  []string{"add service tcp 192.0.2.10:83 lblcr", `scheduler "lblcr" is unknown to this kernel: is module ip_vs_lblcr there?`},
			rules: []string{"-A -t 192.0.2.10:83 -s lblcr\n", "-a -t 192.0.2.10:83 -r 10.0.0.1:83 -m -w 1\n"}},
		hurdle{name: "no persistence engine", service: service("sip", sip, Service{Scheduler: "rr", Persistence: time.Minute, Engine: "sip"}, server("10.0.0.1:5060", NAT)),
			raise: raiseEngine, lower: lowerEngine,
			says: []string{"add service udp 192.0.2.10:5060 rr", "are modules ip_vs_rr and ip_vs_pe_sip there?"},
			rules: []string{"-A -u 192.0.2.10:5060 -s rr -p 60 --pe sip\n",
				"-a -u 192.0.2.10:5060 -r 10.0.0.1:5060 -m -w 1\n"}},
	)
}

// ownModules tells whether the kernel is the lab's, whose modules nobody else uses.
func ownModules() bool { name, err := os.Hostname(); return err == nil && name == "lab" }

// TestKernelsRefusalsAreToldRetriedAndHeal: a service that the kernel refuses does not keep the others from being served; its status says why and
// what to do; it is tried again, ever later, and is there when the reason has gone.
func TestKernelsRefusalsAreToldRetriedAndHeal(t *testing.T) {
	kernel := &unprivileged{Netlink: namespace(t)}
	rows := hurdles(t, kernel)
	tried, names := attempts{at: map[string][]time.Time{}}, map[Key]string{}
	all := []VirtualServer{shop()}
	for _, h := range rows {
		h.raise()
		names[h.service.Keys[0]] = h.service.Name
		all = append(all, h.service)
	}
	e, log, _ := run(t, kernel, Options{OnOps: tried.note(names)}, all...)
	there := func(rules []string) func() bool {
		return func() bool {
			is := saved(t)
			return !slices.ContainsFunc(rules, func(r string) bool { return !slices.Contains(is, r) })
		}
	}
	show := func() string { return strings.Join(saved(t), "") + log.String() }
	eventually(t, "the service beside them to be there", there(shopRules), show)
	for _, h := range rows {
		eventually(t, h.name+": a third attempt", func() bool { return len(tried.gaps(h.service.Name)) >= 2 }, show)
		status := statusOf(e, h.service.Name)
		for _, part := range h.says {
			if !strings.Contains(status.Error, part) {
				t.Errorf("%s: the status says %q, want %q in it", h.name, status.Error, part)
			}
		}
		if line := "service=" + h.service.Name + " "; strings.Count(log.String(), "refused a change\" "+line) != 1 {
			t.Errorf("%s: want one line of the log about it:\n%s", h.name, log)
		}
	}
	for _, h := range rows {
		h.lower()
	}
	for _, h := range rows {
		eventually(t, h.name+": to be there", there(h.rules), show)
		eventually(t, h.name+": no error any more", func() bool { return statusOf(e, h.service.Name).Error == "" }, show)
		grow(t, h.name, tried.gaps(h.service.Name))
	}
	if kernel.lost != nil {
		t.Error(kernel.lost)
	}
	if !there(shopRules)() {
		t.Errorf("the service beside them in the end:\n%s", show())
	}
}

func statusOf(e *Engine, name string) ServiceStatus {
	for _, s := range e.Status().Services {
		if s.Name == name {
			return s
		}
	}
	return ServiceStatus{}
}

// grow fails unless each of the gaps is twice as long as the one before; the first attempt may have taken its time, with modprobe.
func grow(t *testing.T, name string, gaps []time.Duration) {
	t.Helper()
	const standstill = 5 * time.Second // of an emulated guest beside other work: 2 s were seen
	for i, gap := range gaps {
		if want := backoff(i); gap < want*3/4 || gap > want*3/2+standstill {
			t.Errorf("%s: between the attempts were %v, want %v and on, doubled", name, gaps, retryFirst)
			return
		}
	}
}

// A process that may not even read the table, as root of a rootless container, says so.
func TestTableThatMayNotBeReadSaysWhatToDo(t *testing.T) {
	kernel := namespace(t)
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the thread ends with its capabilities
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&header, &none[0]); err != nil {
			done <- err
			return
		}
		_, err := kernel.Table()
		done <- explainRead(err)
	}()
	if err := <-done; err == nil || !strings.Contains(err.Error(), needsAdmin) || !strings.Contains(err.Error(), syscall.EPERM.Error()) {
		t.Errorf("error %v, want %q", err, needsAdmin)
	}
}
