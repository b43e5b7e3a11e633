package kernel

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/mdlayher/ndp"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

// answerWait is how long answers are waited for. Hosts answer within a millisecond, but for those that are busy.
const answerWait = time.Second

var _ vrrp.Scout = (*Host)(nil)

// An answer is what another host said about an address.
type answer struct {
	addr netip.Addr
	mac  [6]byte
}

// Neighbor returns the hardware address that answers for addr on the interface of c, as text; empty when nobody does within a second.
func (h *Host) Neighbor(ctx context.Context, c *vrrp.Config, addr netip.Addr) string {
	l, ok := h.segment(c.Interface)
	if !ok || !addr.IsValid() {
		return ""
	}
	answers, err := ask(ctx, l, h.asker(l), []netip.Addr{addr}, true)
	if err != nil || len(answers) == 0 {
		return ""
	}
	return vrrp.MAC(answers[0].mac).String()
}

// Claims asks on all interfaces with addresses of c who else has them, by ARP probes (RFC 5227) and neighbour solicitations, and returns
// the answers of other hosts. It takes a second for each interface.
func (h *Host) Claims(ctx context.Context, c *vrrp.Config) []vrrp.Claim {
	type wire struct {
		name   string
		family vrrp.Family
	}
	addrs := map[wire][]netip.Addr{}
	for _, a := range c.Addresses {
		w := wire{c.AddressInterface(a), vrrp.FamilyOf(a.Prefix.Addr())}
		addrs[w] = append(addrs[w], a.Prefix.Addr())
	}
	var out []vrrp.Claim
	for w, list := range addrs {
		l, ok := h.segment(w.name)
		if !ok {
			continue
		}
		answers, err := ask(ctx, l, h.asker(l), list, false)
		if err != nil {
			h.log.Debug("addresses were not verified", "router", c.Name, "interface", l.name, "error", err)
		}
		for _, a := range answers {
			if !h.ours(a.mac) {
				out = append(out, vrrp.Claim{Address: a.addr, MAC: vrrp.MAC(a.mac).String()})
			}
		}
	}
	return out
}

// segment returns the interface by which to ask on the network of the one with that name: of a macvlan the one below, because whoever has
// the same virtual hardware address must be able to answer.
func (h *Host) segment(name string) (link, bool) {
	l, ok := h.facts.byName(name)
	if ok && l.macvlan != 0 {
		l, ok = h.facts.byName(h.facts.nameOf(l.lower))
	}
	return l, ok && l.up() && l.carrier() && l.speaksARP()
}

// asker returns the link-local address of l, from which IPv6 is asked; the unspecified one when there is none.
func (h *Host) asker(l link) netip.Addr {
	h.facts.mu.RLock()
	defer h.facts.mu.RUnlock()
	if a, flags := h.facts.table.source6(l.index, h.facts.virtual, true); a.IsValid() && unusable(flags) == "" {
		return a.WithZone("")
	}
	return netip.IPv6Unspecified()
}

// ours reports whether an answer comes from this host, by another interface on the same segment. Macvlans do not hear what is sent
// by the interface below them: an answer from their address is somebody else's.
func (h *Host) ours(mac [6]byte) bool {
	h.facts.mu.RLock()
	defer h.facts.mu.RUnlock()
	for _, l := range h.facts.table.links {
		if l.mac == mac && l.macvlan == 0 {
			return true
		}
	}
	return false
}

// ask asks on l who has addrs, which are of one family, and returns each answer once, or only the first one.
func ask(ctx context.Context, l link, source netip.Addr, addrs []netip.Addr, first bool) ([]answer, error) {
	s, err := openProbe(l, addrs[0].Is4())
	if err != nil {
		return nil, err
	}
	defer s.Close()
	defer context.AfterFunc(ctx, func() { _ = s.SetReadDeadline(time.Unix(1, 0)) })()
	if err := question(ctx, s, l, source, addrs); err != nil {
		return nil, err
	}
	if ctx.Err() == nil {
		_ = s.SetReadDeadline(time.Now().Add(answerWait))
	}
	return collect(s, addrs, first), nil
}

// collect reads answers until the deadline of s.
func collect(s *os.File, addrs []netip.Addr, first bool) []answer {
	var out []answer
	b := make([]byte, readSize6)
	for {
		n, err := s.Read(b)
		if err != nil {
			return out
		}
		a, ok := parseAnswer(b[:n])
		if !ok || !slices.Contains(addrs, a.addr) || slices.Contains(out, a) {
			continue
		}
		if out = append(out, a); first || len(out) == maxAnswers {
			return out
		}
	}
}

// maxAnswers bounds what is kept of what comes from the network.
const maxAnswers = 64

// openProbe opens a socket for ARP, or for neighbour advertisements. What this host sends does not come back by it.
func openProbe(l link, ipv4 bool) (*os.File, error) {
	fd, err := openPacket()
	if err != nil {
		return nil, err
	}
	protocol := uint16(unix.ETH_P_ARP)
	if !ipv4 {
		protocol = unix.ETH_P_IPV6
		err = setPacketFilter(fd, advertisementFilter())
	}
	if err == nil {
		err = os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(protocol), Ifindex: l.index}))
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "probe"), nil
}

// Places in an Ethernet frame with ARP, RFC 826, and with a neighbour advertisement, RFC 4861 section 4.4.
const (
	arpSender   = 22 // hardware address, and the IPv4 address after it
	arpLength   = 42
	naNext      = 14 + 6
	naType      = 14 + 40
	naTarget    = naType + 8
	naLength    = naTarget + 16
	naTypeValue = 136
	naOptionMAC = 2
)

// advertisementFilter passes neighbour advertisements: a director's interface may be busy with other traffic.
func advertisementFilter() []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: naNext, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: nextICMPv6, SkipTrue: 3},
		bpf.LoadAbsolute{Off: naType, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: naTypeValue, SkipTrue: 1},
		bpf.RetConstant{Val: readSize6},
		bpf.RetConstant{Val: 0},
	}
}

// question sends a question for each address, in groups as announcements are.
func question(ctx context.Context, s *os.File, l link, source netip.Addr, addrs []netip.Addr) error {
	pause := time.NewTicker(announceGap)
	defer pause.Stop()
	var b []byte
	for i, addr := range addrs {
		if i > 0 && i%announceGroup == 0 {
			select {
			case <-pause.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		var err error
		if b, err = appendQuestion(b[:0], l.mac, source, addr); err != nil {
			return err
		}
		if _, err := s.Write(b); err != nil {
			return fmt.Errorf("ask for %s: %w", addr, err)
		}
	}
	return nil
}

// appendQuestion appends the frame that asks who has addr: over IPv4 an ARP probe, which no cache learns from.
func appendQuestion(b []byte, mac [6]byte, source, addr netip.Addr) ([]byte, error) {
	if !addr.Is4() {
		return appendNS(b, mac, source, addr.WithZone(""))
	}
	b = appendARP(b, mac, addr)
	clear(b[arpSender+6 : arpSender+16]) // sender's IPv4 address and the target's hardware address, RFC 5227 section 2.1.1
	return b, nil
}

// appendNS appends a neighbour solicitation, RFC 4861 section 4.3.
func appendNS(b []byte, mac [6]byte, source, addr netip.Addr) ([]byte, error) {
	ns := &ndp.NeighborSolicitation{TargetAddress: addr}
	if !source.IsUnspecified() {
		ns.Options = []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: mac[:]}}
	}
	to, err := ndp.SolicitedNodeMulticast(addr)
	if err != nil {
		return b, fmt.Errorf("ask for %s: %w", addr, err)
	}
	body, err := ndp.MarshalMessageChecksum(ns, source, to)
	if err != nil {
		return b, fmt.Errorf("ask for %s: %w", addr, err)
	}
	from16, to16, toMAC := source.As16(), to.As16(), multicastMAC(to)
	b = append(append(b, toMAC[:]...), mac[:]...)
	b = binary.BigEndian.AppendUint16(b, unix.ETH_P_IPV6)
	b = append(b, 0x60, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(body)))
	b = append(b, nextICMPv6, hopLimit)
	b = append(append(b, from16[:]...), to16[:]...)
	return append(b, body...), nil
}

// parseAnswer reads ARP of any kind, whose sender has the address, and neighbour advertisements.
func parseAnswer(b []byte) (answer, bool) {
	switch {
	case len(b) >= arpLength && binary.BigEndian.Uint16(b[12:]) == unix.ETH_P_ARP:
		ethernet := binary.BigEndian.Uint16(b[14:]) == unix.ARPHRD_ETHER && b[18] == 6 && b[19] == 4
		return answer{netip.AddrFrom4([4]byte(b[arpSender+6:])), [6]byte(b[arpSender:])}, ethernet
	case len(b) >= naLength && binary.BigEndian.Uint16(b[12:]) == unix.ETH_P_IPV6:
		if b[naNext] != nextICMPv6 || b[naNext+1] != hopLimit || b[naType] != naTypeValue {
			return answer{}, false
		}
		mac := [6]byte(b[6:])
		if option := b[naLength:]; len(option) >= 8 && option[0] == naOptionMAC && option[1] == 1 {
			mac = [6]byte(option[2:])
		}
		return answer{netip.AddrFrom16([16]byte(b[naTarget:])), mac}, true
	}
	return answer{}, false
}
