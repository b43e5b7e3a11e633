package conf

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/govrrpd/govrrpd/ipvs"
)

// rawPersistence is a persistence block.
type rawPersistence struct {
	Place   hcl.Range      `hcl:",def_range"`
	Timeout *hcl.Attribute `hcl:"timeout,optional"`
	Prefix  *hcl.Attribute `hcl:"prefix,optional"`
	Netmask *hcl.Attribute `hcl:"netmask,optional"`
	Engine  *hcl.Attribute `hcl:"engine,optional"`
}

// The kernel's flags of services, IP_VS_SVC_F_ONEPACKET and IP_VS_SVC_F_SCHED1 and 2 of linux/ip_vs.h.
const (
	flagOnePacket = 0x4
	flagFallback  = 0x8  // of sh and mh alike
	flagPort      = 0x10 // of sh and mh alike
)

// schedulerFlagWords are the flags by the words that ipvsadm has for them.
func schedulerFlagWords() ([]string, []uint32) {
	return []string{"sh-port", "sh-fallback", "mh-port", "mh-fallback"}, []uint32{flagPort, flagFallback, flagPort, flagFallback}
}

// schedulerFlags reads the flags of sh and mh; the other schedulers have none.
func (d *decoder) schedulerFlags(s *service) {
	words, bits := schedulerFlagWords()
	for _, e := range d.elements(s.raw.SchedulerFlags, "mh-port") {
		i := slices.Index(words, e.text)
		if i < 0 {
			d.problem(e.at, fmt.Sprintf("there is no flag %s of a scheduler, only %s", quote(e.text), oneOf(words)),
				cmp.Or(suggest(e.text, slices.Values(words)), `write scheduler_flags = ["mh-port"], for example`))
			continue
		}
		if of, _, _ := strings.Cut(e.text, "-"); of != s.Scheduler {
			d.problem(e.at, fmt.Sprintf("%s is a flag of the scheduler %s, and that of %s is %s", e.text, of, s.name, s.Scheduler), d.flagHint(s, of, e.text))
			continue
		}
		s.Flags |= bits[i]
	}
}

// elements is list of an attribute that may be absent, without elements that were reported.
func (d *decoder) elements(a *hcl.Attribute, example string) []element {
	if a == nil {
		return nil
	}
	list, _ := d.list(a, example)
	return slices.DeleteFunc(list, func(e element) bool { return e.text == "" })
}

// flagHint is for a flag of another scheduler.
func (d *decoder) flagHint(s *service, of, flag string) string {
	if s.Scheduler == "sh" || s.Scheduler == "mh" {
		return fmt.Sprintf("write %q, or scheduler = %q", s.Scheduler+strings.TrimPrefix(flag, of), of)
	}
	return fmt.Sprintf("write scheduler = %q, or remove the flag", of)
}

// onePacket reads whether each datagram is a connection of its own, which TCP and SCTP cannot be.
func (d *decoder) onePacket(s *service) {
	on := false
	d.flag(s.raw.OnePacket, &on)
	if !on {
		return
	}
	if s.keyed && s.Mark == 0 && s.Proto != ipvs.UDP {
		d.problem(s.raw.OnePacket.Expr.Range(), fmt.Sprintf("one_packet makes each datagram a connection of its own, and %s is one of %s", s.name, s.Proto),
			`remove it, or write protocol = "udp"`)
		return
	}
	s.Flags |= flagOnePacket
}

func (d *decoder) persistence(s *service) {
	raw := s.raw.Persistence
	s.Netmask = ipvs.SingleClient(s.family())
	if raw == nil {
		return
	}
	d.persistencePrefix(s, raw)
	d.persistenceMask(s, raw)
	d.persistenceEngine(s, raw)
	if !d.required(raw.Timeout, raw.Place, "persistence in "+s.name, "timeout", `"300s"`) {
		return
	}
	d.duration(raw.Timeout, span{low: time.Second, high: maxPersistence, step: time.Second}, &s.Persistence)
}

// family is that of the clients; IPv4 while it is not known.
func (s *service) family() ipvs.Family {
	if !s.keyed {
		return ipvs.V4
	}
	return s.AF()
}

func (d *decoder) persistencePrefix(s *service, raw *rawPersistence) {
	if s.mixed {
		d.oneMask(s, raw)
		return
	}
	prefix, hint := 32, "write 32 for each client by itself, or 24 for all clients of one /24 together"
	if s.family() == ipvs.V6 {
		prefix, hint = 128, "write 128 for each client by itself, or 64 for all clients of one /64 together"
	}
	if s.keyed || s.raw.Mark != nil { // of a service whose family is not known, nothing can be said
		d.number(raw.Prefix, 1, prefix, hint, &prefix)
	}
	s.Netmask = ipvs.PrefixMask(s.family(), prefix)
}

// oneMask reports a mask for clients of two families; without one, each client persists by itself.
func (d *decoder) oneMask(s *service, raw *rawPersistence) {
	s.Netmask = 0
	for _, a := range []*hcl.Attribute{raw.Prefix, raw.Netmask} {
		if d.given(a) {
			d.problem(a.NameRange, fmt.Sprintf("%s in %s, which has addresses of IPv4 and of IPv6", a.Name, s.name), "remove it, so that each client persists by itself, or make one virtual_server of each family")
		}
	}
}

// persistenceMask reads a mask for clients that share other bits of their addresses than the first.
func (d *decoder) persistenceMask(s *service, raw *rawPersistence) {
	v, set, ok := d.scalar(raw.Netmask, cty.String, `write netmask = "255.255.255.0"`)
	if !set || !ok || s.mixed {
		return
	}
	at := raw.Netmask.Expr.Range()
	mask, err := netip.ParseAddr(v.AsString())
	switch {
	case d.given(raw.Prefix):
		d.problem(raw.Netmask.NameRange, "persistence has a prefix and a netmask", "remove one: prefix = 24 is netmask = \"255.255.255.0\"")
	case s.family() == ipvs.V6:
		d.problem(at, fmt.Sprintf("netmask is for services over IPv4, and %s is one over IPv6", s.name), "write prefix = 64, for example")
	case err != nil || !mask.Is4() || mask.IsUnspecified():
		d.problem(at, fmt.Sprintf("netmask %s is not a mask with a bit set", quote(v.AsString())), `write netmask = "255.255.255.0", for example: the bits that clients must share to count as one`)
	default:
		b := mask.As4()
		s.Netmask = ipvs.Netmask(uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3]))
	}
}

// persistenceEngine reads what clients are told apart by besides their addresses. The kernel's sip looks into datagrams only.
func (d *decoder) persistenceEngine(s *service, raw *rawPersistence) {
	if !choice(d, raw.Engine, []string{"sip"}, []string{"sip"}, &s.Engine) || s.Engine == "" {
		return
	}
	if s.keyed && s.Mark == 0 && s.Proto != ipvs.UDP {
		d.problem(raw.Engine.Expr.Range(), fmt.Sprintf(`engine = "sip" looks into datagrams, and %s is one of %s`, s.name, s.Proto), `remove it, or write protocol = "udp"`)
	}
}
