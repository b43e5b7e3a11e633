package conf

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2"
)

// parseHost parses the address of a host of either family: neither multicast, broadcast nor unspecified.
func (d *decoder) parseHost(what, text string, at hcl.Range, example string, into *netip.Addr) bool {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		d.problem(at, fmt.Sprintf("%s %s is not an IP address", what, quote(text)), addressHint(text, example))
		return false
	}
	return d.usable(what, addr, at, into)
}

func (d *decoder) usable(what string, addr netip.Addr, at hcl.Range, into *netip.Addr) bool {
	addr = addr.Unmap()
	switch {
	case addr.Is6() && (addr.Zone() != "" || addr.IsLinkLocalUnicast()):
		d.problem(at, fmt.Sprintf("%s %s is link-local, and IPVS has no interface to it", what, addr), "write a global address, or one of fd00::/8")
	case addr.IsUnspecified(), addr.IsMulticast(), addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}), addr.Is4() && addr.As4()[0] == 0:
		d.problem(at, fmt.Sprintf("%s %s is not the address of a host", what, addr), "write an address that one machine can have")
	default:
		*into = addr
		return true
	}
	return false
}

// addressHint guesses what is wrong with an address that does not parse.
func addressHint(text, example string) string {
	_, port, _ := strings.Cut(text, ":")
	switch {
	case strings.Contains(text, "/"):
		return "leave out the / and what follows: only virtual addresses have a prefix length"
	case strings.Count(text, ":") == 1 && port != "":
		return "leave out the port"
	case strings.Count(text, ":") > 1:
		return `write an IPv6 address such as "2001:db8::11"`
	case strings.ContainsFunc(text, unicode.IsLetter):
		return fmt.Sprintf("names are not looked up, so that the configuration works while DNS is down: write an address such as %q", example)
	}
	return fmt.Sprintf("write four numbers from 0 to 255, such as %q", example)
}

// parseHostPort parses "10.0.0.11:8080" and "[2001:db8::11]:8080".
func (d *decoder) parseHostPort(what, text string, at hcl.Range, example string, into *netip.AddrPort) bool {
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		if _, err := netip.ParseAddr(text); err == nil {
			example = text + example[strings.LastIndexByte(example, ':'):]
		}
		d.problem(at, fmt.Sprintf("%s %s has no port", what, quote(text)), fmt.Sprintf("write it with one, such as %q", example))
		return false
	}
	if _, err := netip.ParseAddr(text); err == nil {
		d.problem(at, fmt.Sprintf("%s %s is IPv6, and has no port", what, quote(text)),
			fmt.Sprintf("put the address between brackets and the port behind it: %q", "["+text+"]"+example[strings.LastIndexByte(example, ':'):]))
		return false
	}
	var addr netip.Addr
	if !d.parseHost(what, unbracket(text[:i]), at, example[:strings.LastIndexByte(example, ':')], &addr) {
		return false
	}
	port, ok := d.parsePort(what, text, text[i+1:], at)
	if ok {
		*into = netip.AddrPortFrom(addr, port)
	}
	return ok
}

func (d *decoder) parsePort(what, text, digits string, at hcl.Range) (uint16, bool) {
	port, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || port == 0 {
		d.problem(at, fmt.Sprintf("the port in %s %s is not 1 to 65535", what, quote(text)), "write the port as a number after the colon")
		return 0, false
	}
	return uint16(port), true
}
