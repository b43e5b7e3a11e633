package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// sysctlRoot is where the settings of the calling thread's network namespace are.
const sysctlRoot = "/proc/sys/net"

// A setting is a sysctl of one interface and what it shall be.
type setting struct {
	family string // "ipv4" or "ipv6"
	ifname string // or "all"
	key    string
	value  string
}

func (s setting) path() string { return filepath.Join(sysctlRoot, s.family, "conf", s.ifname, s.key) }

// String returns "ipv4/eth0/arp_ignore=1".
func (s setting) String() string {
	return fmt.Sprintf("%s/%s/%s=%s", s.family, s.ifname, s.key, s.value)
}

// read returns what the setting is now.
func (s setting) read() (string, error) {
	b, err := os.ReadFile(s.path())
	return strings.TrimSpace(string(b)), err
}

// ensure writes the setting unless it is so already: below a read-only /proc/sys somebody else may have done it. A family that the kernel
// lacks is fine. It reports whether the setting was another one before.
func (s setting) ensure() (changed bool, err error) {
	now, err := s.read()
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil && now == s.value {
		return false, nil
	}
	if err := os.WriteFile(s.path(), []byte(s.value), 0); err != nil {
		return false, fmt.Errorf("set %s: %w", s, err)
	}
	return true, nil
}

// number returns what the setting is now; 0 when it cannot be read.
func (s setting) number() int {
	text, _ := s.read()
	n, _ := strconv.Atoi(text)
	return n
}

// ensureAll makes all settings so, and returns those that were not.
func ensureAll(settings []setting) (changed []setting, err error) {
	var errs []error
	for _, s := range settings {
		was, err := s.ensure()
		if was {
			changed = append(changed, s)
		}
		errs = append(errs, err)
	}
	return changed, errors.Join(errs...)
}

// quieten returns what the interface below a macvlan must be like while the macvlan is there: it answers no ARP request for an address
// of the macvlan, and asks for nobody in the name of such an address, both with the wrong hardware address.
func quieten(base string) []setting {
	return []setting{
		{"ipv4", base, "arp_ignore", "1"},
		{"ipv4", base, "arp_announce", "2"},
	}
}

// settings returns what the kernel must do and leave on a macvlan. The rest is what its base does.
func (m macvlan) settings() []setting {
	out := []setting{
		{"ipv4", m.name, "arp_ignore", "1"}, // or it would answer for its base
		{"ipv4", m.name, "arp_announce", "2"},
		{"ipv4", m.name, "arp_filter", "0"}, // the way back to a host is by the base
		{"ipv4", m.name, "rp_filter", m.reversePath()},
		{"ipv4", m.name, "promote_secondaries", "1"},
		{"ipv4", m.name, "forwarding", m.asBase("ipv4")},
	}
	if !m.ipv6 {
		return append(out, setting{"ipv6", m.name, "disable_ipv6", "1"})
	}
	return append(out,
		setting{"ipv6", m.name, "addr_gen_mode", "1"}, // none: no identifier comes from the VMAC, RFC 9568 section 7.4
		setting{"ipv6", m.name, "accept_ra", "0"},
		setting{"ipv6", m.name, "autoconf", "0"},
		setting{"ipv6", m.name, "router_solicitations", "0"},
		setting{"ipv6", m.name, "forwarding", m.asBase("ipv6")},
		setting{"ipv6", m.name, "disable_ipv6", "0"},
	)
}

// reversePath returns the rp_filter of a macvlan. The way back to a host is by the base, so the strict mode would refuse everything; the
// kernel goes by the higher of this and the setting for all interfaces, and 2 is the loose mode.
func (m macvlan) reversePath() string {
	if (setting{"ipv4", "all", "rp_filter", ""}).number() == 1 {
		return "2"
	}
	return "0"
}

// asBase returns whether the base forwards.
func (m macvlan) asBase(family string) string {
	return strconv.Itoa((setting{family, m.base, "forwarding", ""}).number())
}

// A record is what the settings of a base were before we changed them. It is kept in the alias of the macvlan, where it outlives us and
// goes with the interface.
type record struct {
	base  int // index
	valid bool
	was   map[string]string // by key of quieten
}

const (
	aliasPrefix = "govrrpd: " // marks what is ours
	aliasBase   = "base"
	aliasLimit  = 200 // bytes of 255 that the kernel keeps
)

// remember returns the record of a base as it is now.
func remember(base link) record {
	r := record{base: base.index, valid: true, was: map[string]string{}}
	for _, s := range quieten(base.name) {
		if now, err := s.read(); err == nil {
			r.was[s.key] = now
		}
	}
	return r
}

// alias returns the text that marks a macvlan as ours.
func (r record) alias(router string) string {
	var b strings.Builder
	for _, s := range quieten("") {
		if was, ok := r.was[s.key]; ok {
			fmt.Fprintf(&b, " %s=%s", s.key, was)
		}
	}
	tail := fmt.Sprintf("; %s=%d%s", aliasBase, r.base, b.String())
	return aliasPrefix + router[:min(len(router), aliasLimit-len(aliasPrefix)-len(tail))] + tail
}

// parseAlias reads what alias wrote; ok is false for an interface that is not ours.
func parseAlias(alias string) (r record, ok bool) {
	if !strings.HasPrefix(alias, aliasPrefix) {
		return record{}, false
	}
	_, tail, _ := strings.Cut(alias[strings.LastIndex(alias, "; ")+1:], " ")
	r = record{was: map[string]string{}}
	for field := range strings.FieldsSeq(tail) {
		key, value, _ := strings.Cut(field, "=")
		if key == aliasBase {
			r.base, _ = strconv.Atoi(value)
			r.valid = r.base > 0
			continue
		}
		r.was[key] = value
	}
	return r, true
}

// restore gives the base back what it was, but for what somebody else has changed since.
func (r record) restore(base string) error {
	var errs []error
	for _, s := range quieten(base) {
		was, known := r.was[s.key]
		if now, err := s.read(); !known || err != nil || now != s.value {
			continue
		}
		_, err := setting{s.family, base, s.key, was}.ensure()
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
