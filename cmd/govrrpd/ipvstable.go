package main

import (
	"errors"
	"sync"

	"github.com/govrrpd/govrrpd/ipvs"
)

// An ipvsTable is the kernel's IPVS table, opened when the configuration first has a virtual server: a pair that only shares
// addresses needs no IPVS in its kernel.
type ipvsTable struct {
	mu     sync.Mutex
	opened *ipvs.Netlink // nil before open
}

var errNotOpen = errors.New("IPVS is not open: nothing of it was configured when it was asked for")

// open is called before the first virtual server is configured. It fails where the kernel has no IPVS.
func (t *ipvsTable) open() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.opened != nil {
		return nil
	}
	opened, err := ipvs.Open()
	if err != nil {
		return err
	}
	t.opened = opened
	return nil
}

func (t *ipvsTable) current() *ipvs.Netlink {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.opened
}

// Table reads the kernel's table. Before open there is none that concerns us.
func (t *ipvsTable) Table() (ipvs.Table, error) {
	if n := t.current(); n != nil {
		return n.Table()
	}
	return ipvs.Table{}, nil
}

// Apply changes the kernel's table. Before open every operation fails.
func (t *ipvsTable) Apply(ops []ipvs.Op) []error {
	if n := t.current(); n != nil {
		return n.Apply(ops)
	}
	errs := make([]error, len(ops))
	for i := range errs {
		errs[i] = errNotOpen
	}
	return errs
}

// Host reads the kernel's settings. Before open there are none that concern us.
func (t *ipvsTable) Host(sysctls []string) (ipvs.Host, error) {
	if n := t.current(); n != nil {
		return n.Host(sysctls)
	}
	return ipvs.Host{}, errNotOpen
}

// Set changes the kernel's settings. Before open every change fails.
func (t *ipvsTable) Set(ops []ipvs.SettingOp) []error {
	if n := t.current(); n != nil {
		return n.Set(ops)
	}
	errs := make([]error, len(ops))
	for i := range errs {
		errs[i] = errNotOpen
	}
	return errs
}
