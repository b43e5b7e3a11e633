package ipvs

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// parseProc reads the text of /proc/net/ip_vs, where each service is followed by its destinations:
//
//	IP Virtual Server version 1.2.1 (size=4096)
//	Prot LocalAddress:Port Scheduler Flags
//	  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
//	TCP  C000020A:0050 wlc persistent 30000 FFFFFFFF
//	  -> 0A00000B:1F90      Masq    10     3          1
//
// The kernel writes a service and its destinations as one record, so a record is never torn; but one that is made or deleted while
// the file is read can make another one be left out. Services by firewall mark are passed over: the text does not say
// which family they are of. The persistence is in ticks of unknown length and the scheduler's flags are not there at all: the services
// themselves are read over netlink. Thresholds, and what kind a tunnel is, are not there either, and are left zero: memory knows where
// that is the truth.
func parseProc(r io.Reader) (map[Key]*Entry, error) {
	table := map[Key]*Entry{}
	var p procParser
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		if n <= 3 { // headings
			continue
		}
		if err := p.line(table, lines.Bytes()); err != nil {
			return nil, fmt.Errorf("line %d, %q: %w", n, lines.Bytes(), err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	p.finish()
	return table, nil
}

// A procParser collects the destinations of one service after the other, so that a table of many takes no more memory than it needs.
type procParser struct {
	entry *Entry // the service that is being read; nil when it is passed over
	dests []Dest
	loads []Load
}

func (p *procParser) line(table map[Key]*Entry, line []byte) error {
	var words [procWords + 1][]byte // and one that says that there are too many
	n := 0
	for word := range bytes.FieldsSeq(line) {
		if n < len(words) {
			words[n] = word
			n++
		}
	}
	switch {
	case n == 0:
		return nil
	case string(words[0]) != "->":
		p.finish()
		return p.service(table, words[:n])
	case p.entry != nil:
		return p.dest(words[:n])
	}
	return nil
}

// finish gives the destinations to their service.
func (p *procParser) finish() {
	if p.entry != nil && len(p.dests) > 0 {
		p.entry.Dests, p.entry.Loads = slices.Clone(p.dests), slices.Clone(p.loads)
	}
	p.entry, p.dests, p.loads = nil, p.dests[:0], p.loads[:0]
}

// service adds the service of a line to table.
func (p *procParser) service(table map[Key]*Entry, words [][]byte) error {
	var proto Proto
	switch string(words[0]) {
	case "TCP":
		proto = TCP
	case "UDP":
		proto = UDP
	case "SCTP":
		proto = SCTP
	default: // FWM
		return nil
	}
	if len(words) < 2 {
		return fmt.Errorf("%d words, want the address of a service", len(words))
	}
	a, err := procAddr(string(words[1]))
	if err != nil {
		return err
	}
	p.entry = &Entry{}
	table[Key{Proto: proto, Addr: a}] = p.entry
	return nil
}

// procWords is how many words the line of a destination has.
const procWords = 6

func (p *procParser) dest(words [][]byte) error {
	if len(words) != procWords {
		return fmt.Errorf("%d words, want %d for a destination", len(words), procWords)
	}
	a, err := procAddr(string(words[1]))
	if err != nil {
		return err
	}
	d, l := Dest{Addr: a, Forward: procForward(string(words[2]))}, Load{}
	for i, into := range []*int{&d.Weight, &l.Active, &l.Inactive} {
		if *into, err = strconv.Atoi(string(words[3+i])); err != nil {
			return err
		}
	}
	p.dests, p.loads = append(p.dests, d), append(p.loads, l)
	return nil
}

// procForward knows the kernel's words; what it does not know (Local, Bypass: never configured) becomes a value that no
// configuration has, so that it is seen as a difference.
func procForward(word string) Forward {
	switch word {
	case "Masq":
		return NAT
	case "Tunnel":
		return TUN
	case "Route":
		return DR
	}
	return forwardMask
}

// procAddr reads C000020A:0050 and [2001:0db8:0000:0000:0000:0000:0000:0001]:0050.
func procAddr(s string) (netip.AddrPort, error) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return netip.AddrPort{}, fmt.Errorf("%q is not an address and port", s)
	}
	port, err := strconv.ParseUint(s[i+1:], 16, 16)
	if err != nil {
		return netip.AddrPort{}, err
	}
	host := s[:i]
	if strings.HasPrefix(host, "[") {
		a, err := netip.ParseAddr(strings.Trim(host, "[]"))
		return netip.AddrPortFrom(a, uint16(port)), err
	}
	v, err := strconv.ParseUint(host, 16, 32)
	if err != nil || len(host) != 8 {
		return netip.AddrPort{}, fmt.Errorf("%q is not 8 hexadecimal digits", host)
	}
	a := netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
	return netip.AddrPortFrom(a, uint16(port)), nil
}

// join puts the two readings together and returns the services that only one of them has.
func join(services map[Key]Service, dests map[Key]*Entry) (t Table, unsure []Key) {
	t = make(Table, len(services))
	for k, s := range services {
		if e, ok := dests[k]; ok {
			e.Service = s
			t[k] = *e
		} else {
			unsure = append(unsure, k)
		}
	}
	for k := range dests {
		if _, ok := services[k]; !ok {
			unsure = append(unsure, k)
		}
	}
	slices.SortFunc(unsure, compareKeys)
	return t, unsure
}
