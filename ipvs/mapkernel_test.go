package ipvs

import (
	"net/netip"
	"slices"
	"sync"
	"syscall"
)

// A mapKernel is a Kernel in memory, with the answers of the real one: TestContract holds both to the same claims.
type mapKernel struct {
	mu       sync.Mutex
	table    Table
	applied  []Op              // accepted
	sent     int               // accepted or not
	reads    int               // of the table
	readErr  error             // of the next reads
	applyErr func(op Op) error // injected; nil for none
}

func newMapKernel(entries ...Entry) *mapKernel {
	k := &mapKernel{table: Table{}}
	for _, e := range entries {
		k.table[e.Service.Key] = e
	}
	return k
}

func (k *mapKernel) Table() (Table, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.reads++
	if k.readErr != nil {
		return nil, k.readErr
	}
	return cloneTable(k.table), nil
}

func cloneTable(t Table) Table {
	out := make(Table, len(t))
	for key, e := range t {
		out[key] = Entry{Service: e.Service, Dests: slices.Clone(e.Dests), Loads: slices.Clone(e.Loads)}
	}
	return out
}

func (k *mapKernel) Apply(ops []Op) []error {
	k.mu.Lock()
	defer k.mu.Unlock()
	errs := make([]error, len(ops))
	for i, op := range ops {
		k.sent++
		if k.applyErr != nil {
			errs[i] = k.applyErr(op)
		}
		if errs[i] == nil {
			errs[i] = k.answer(op)
		}
		if errs[i] == nil {
			k.table.apply(op)
			k.applied = append(k.applied, op)
		}
	}
	return errs
}

// answer says what the kernel says to op, as an untyped nil or a syscall.Errno.
func (k *mapKernel) answer(op Op) error {
	e, there := k.table[op.Service.Key]
	if op.Verb == AddService && there {
		return syscall.EEXIST
	}
	if op.Verb != AddService && !there {
		return syscall.ESRCH
	}
	switch op.Verb {
	case AddService, EditService:
		return answerService(op.Service)
	case AddDest, EditDest, DeleteDest:
		return answerDest(e, op)
	}
	return nil
}

func answerService(s Service) error {
	switch {
	case !slices.Contains(Schedulers(), s.Scheduler), s.Engine != "" && s.Engine != "sip":
		return syscall.ENOENT
	case s.AF() == V6 && (s.Netmask < 1 || s.Netmask > 128):
		return syscall.EINVAL
	}
	return nil
}

// answerDest asks in the kernel's order.
func answerDest(e Entry, op Op) error {
	d, full, there := op.Dest, op.Verb != DeleteDest, e.index(op.Dest.Addr) >= 0
	switch {
	case full && familyOf(d.Addr.Addr()) != op.Service.AF() && d.Forward != TUN:
		return syscall.EINVAL
	case full && (d.Weight < 0 || d.Lower > d.Upper):
		return syscall.ERANGE
	case full && d.Tunnel.Kind == GUE && d.Tunnel.Port == 0:
		return syscall.EINVAL
	case op.Verb == AddDest && there:
		return syscall.EEXIST
	case op.Verb != AddDest && !there:
		return syscall.ENOENT
	}
	return nil
}

// change lets a test do what ipvsadm would.
func (k *mapKernel) change(f func(t Table)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f(k.table)
}

// fail sets the errors of the next reads and changes.
func (k *mapKernel) fail(read error, apply func(Op) error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.readErr, k.applyErr = read, apply
}

// take returns the accepted changes since the last take, as text.
func (k *mapKernel) take() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := lines(k.applied)
	k.applied = nil
	return out
}

func (k *mapKernel) counts() (sent, reads int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.sent, k.reads
}

func lines(ops []Op) []string {
	out := make([]string, 0, len(ops))
	for _, op := range ops {
		out = append(out, op.String())
	}
	return out
}

// What follows makes the values of tables short: tcp("192.0.2.10:80"), entry(service, dests…).

func tcp(addr string) Key { return Key{Proto: TCP, Addr: netip.MustParseAddrPort(addr)} }

func udp(addr string) Key { return Key{Proto: UDP, Addr: netip.MustParseAddrPort(addr)} }

func svc(k Key, scheduler string) Service {
	return Service{Key: k, Scheduler: scheduler, Netmask: SingleClient(k.AF())}
}

func nat(addr string, weight int) Dest {
	return Dest{Addr: netip.MustParseAddrPort(addr), Forward: NAT, Weight: weight}
}

func entry(s Service, dests ...Dest) Entry {
	return Entry{Service: s, Dests: dests}
}

func table(entries ...Entry) Table {
	t := Table{}
	for _, e := range entries {
		t[e.Service.Key] = e
	}
	return t
}
