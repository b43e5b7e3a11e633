package kernel

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// promotions sets promote_secondaries, for as long as a router is configured to, and for a moment to remove an address. Its lock is held
// while the setting is not what it would be otherwise for a moment; nothing on the advert path takes it.
type promotions struct {
	facts *facts
	log   *slog.Logger

	mu     sync.Mutex
	before map[int]string // guarded by mu: what the setting was where routers want it, by index of the interface
}

func newPromotions(f *facts, log *slog.Logger) *promotions {
	return &promotions{facts: f, log: log, before: map[int]string{}}
}

// promoting returns the interfaces where an attached router wants the setting, by index.
func (h *Host) promoting() map[int]string {
	wanted := map[int]string{}
	for _, r := range h.attached() {
		if l, ok := h.facts.byName(r.config.Interface); ok && r.config.PromoteSecondaries {
			wanted[l.index] = l.name
		}
	}
	return wanted
}

// set makes the setting so on the wanted interfaces, and puts it back to what it was where it is not wanted any more. An interface that came
// anew has the setting of the host again.
func (p *promotions) set(wanted map[int]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for index, before := range p.before {
		if _, still := wanted[index]; still {
			continue
		}
		delete(p.before, index)
		if l, ok := p.facts.byIndex(index); ok {
			p.write(l.name, before)
		}
	}
	for index, name := range wanted {
		if _, done := p.before[index]; done {
			continue
		}
		before, err := readPromotion(name)
		if err != nil {
			continue // the interface has just gone
		}
		p.before[index] = before
		p.write(name, "1")
	}
}

// during runs f while the setting is so on the named interfaces, and then puts it back. Where it cannot be written, as under a read-only
// /proc/sys, f runs all the same.
func (p *promotions) during(names []string, f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := map[string]string{}
	for _, name := range names {
		before, err := readPromotion(name)
		if err == nil && before != "1" && os.WriteFile(promotionPath(name), []byte("1"), 0) == nil {
			was[name] = before
		}
	}
	f()
	for name, before := range was {
		p.write(name, before)
	}
}

func promotionPath(ifname string) string {
	return filepath.Join(sysctlRoot, "ipv4", "conf", ifname, "promote_secondaries")
}

func readPromotion(ifname string) (string, error) {
	b, err := os.ReadFile(promotionPath(ifname))
	return strings.TrimSpace(string(b)), err
}

func (p *promotions) write(ifname, value string) {
	if err := os.WriteFile(promotionPath(ifname), []byte(value), 0); err != nil {
		p.log.Warn("promote_secondaries was not set", "interface", ifname, "value", value, "error", err)
	}
}
