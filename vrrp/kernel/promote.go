package kernel

import (
	"os"
	"path/filepath"
	"strings"
)

// promote sets promote_secondaries where an attached router wants that, and puts it back to what it was where none does any more. An
// interface that came anew has the setting of the host again. The caller holds admin.
func (h *Host) promote() {
	wanted := map[int]string{}
	for _, r := range h.attached() {
		if l, ok := h.facts.byName(r.config.Interface); ok && r.config.PromoteSecondaries {
			wanted[l.index] = l.name
		}
	}
	for index, before := range h.promoted {
		if _, still := wanted[index]; still {
			continue
		}
		delete(h.promoted, index)
		if l, ok := h.facts.byIndex(index); ok {
			h.writePromotion(l.name, before)
		}
	}
	for index, name := range wanted {
		if _, done := h.promoted[index]; done {
			continue
		}
		before, err := os.ReadFile(promotionPath(name))
		if err != nil {
			continue // the interface has just gone
		}
		h.promoted[index] = strings.TrimSpace(string(before))
		h.writePromotion(name, "1")
	}
}

func promotionPath(ifname string) string {
	return filepath.Join(sysctlRoot, "ipv4", "conf", ifname, "promote_secondaries")
}

func (h *Host) writePromotion(ifname, value string) {
	if err := os.WriteFile(promotionPath(ifname), []byte(value), 0); err != nil {
		h.log.Warn("promote_secondaries was not set", "interface", ifname, "value", value, "error", err)
	}
}
