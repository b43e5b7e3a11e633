package vrrp

import (
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// facts holds the newest that others told a Group. They are level-triggered: what was overwritten before the Group looked was never
// of interest. The zero value is ready.
type facts struct {
	mu sync.Mutex
	// guarded by mu:
	fresh    bool // something was told since take
	config   *Config
	source   netip.Addr
	verdicts map[string]Verdict // by source; none is zero
	loss     *Loss              // since take; nil for none
	announce bool               // since take: somebody wants the addresses announced
	out      time.Time          // until when a router that has not begun takes no part; zero for no time
}

// news is a copy of facts.
type news struct {
	config   *Config
	source   netip.Addr         // of adverts; what the configuration names goes before what the interface has
	verdicts map[string]Verdict // by source
	faults   []string           // of the verdicts, in the order of the names of their sources
	loss     *Loss              // of what is held; nil for none
	announce bool               // somebody wants the addresses announced
	out      time.Time          // see StayOut
}

func (f *facts) configure(c *Config) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.config, f.fresh = c, true
}

// current returns the newest configuration.
func (f *facts) current() *Config {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.config
}

func (f *facts) setSource(a netip.Addr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.source, f.fresh = a, true
}

func (f *facts) track(source string, v Verdict) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.verdicts == nil {
		f.verdicts = make(map[string]Verdict)
	}
	f.verdicts[source], f.fresh = v, true
	if v == (Verdict{}) {
		delete(f.verdicts, source)
	}
}

// take returns the facts, and false when nothing was told since the last call.
func (f *facts) take() (news, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.fresh {
		return news{}, false
	}
	f.fresh = false
	n := news{config: f.config, source: f.source, verdicts: maps.Clone(f.verdicts), loss: f.loss, announce: f.announce, out: f.out}
	f.loss, f.announce = nil, false
	if f.config.Source.IsValid() {
		n.source = f.config.Source
	}
	for _, source := range slices.Sorted(maps.Keys(f.verdicts)) {
		if fault := f.verdicts[source].Fault; fault != "" {
			n.faults = append(n.faults, fault)
		}
	}
	return n, true
}
