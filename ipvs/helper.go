package ipvs

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// A Helper is a part of IPVS that follows a protocol which names ports within a connection: ftp, whose control connection says where the
// data connections will go. It rewrites what is said there, as far as it forwards by NAT, and knows the data connections when they come. It
// has conntrack look at these connections by itself, whatever net.ipv4.vs.conntrack is.
type Helper struct {
	Name  string // of its module without ip_vs_
	Ports string // of the virtual addresses that it looks at, ascending, with commas between: "21,2121"
	For   string // the virtual servers that need it, for messages; nothing when it was read from the kernel
}

// MaxHelperPorts is how many ports one Helper looks at, IP_VS_APP_MAX_PORTS of Linux.
const MaxHelperPorts = 8

// HelperPorts returns ports as a Helper has them.
func HelperPorts(ports []uint16) string {
	var out []string
	for _, p := range slices.Compact(slices.Sorted(slices.Values(ports))) {
		out = append(out, strconv.Itoa(int(p)))
	}
	return strings.Join(out, ",")
}

// setting is what a status and a log call h.
func (h Helper) setting() string { return "helper " + h.Name }

// covers reports whether h looks at all ports of want.
func (h Helper) covers(want Helper) bool {
	ports := strings.Split(h.Ports, ",")
	return !slices.ContainsFunc(strings.Split(want.Ports, ","), func(p string) bool { return !slices.Contains(ports, p) })
}

// helper returns the one of that name; the zero Helper when there is none.
func (h Host) helper(name string) Helper {
	for _, one := range h.Helpers {
		if one.Name == name {
			return one
		}
	}
	return Helper{}
}

// diffHelpers returns the changes that make have look at all that want does. A helper that nobody wants any more stays: those of other
// network namespaces may.
func diffHelpers(have, want Host) (ops []SettingOp) {
	for _, h := range want.Helpers {
		if !have.helper(h.Name).covers(h) {
			ops = append(ops, SettingOp{Verb: LoadHelper, Helper: h})
		}
	}
	return ops
}

// errHelperPorts means that a helper is there, but looks at other ports.
var errHelperPorts = errors.New("it looks at other ports")

// hint says what to do about a helper that could not be had.
func (h Helper) hint(err error) string {
	if errors.Is(err, errHelperPorts) {
		return fmt.Sprintf("%s needs it at the ports %s, and the module ip_vs_%s was loaded with others: write `options ip_vs_%s ports=%s` to a file of /etc/modprobe.d, and `rmmod ip_vs_%s` when it is not in use",
			h.For, h.Ports, h.Name, h.Name, h.Ports, h.Name)
	}
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		return fmt.Sprintf("%s needs it, and the process lacks CAP_SYS_MODULE: `modprobe ip_vs_%s ports=%s` at boot", h.For, h.Name, h.Ports)
	}
	return fmt.Sprintf("%s needs it: run a kernel with the module ip_vs_%s (of Debian's: linux-image-amd64), in a container load it on the host", h.For, h.Name)
}

// parseApps reads the text of /proc/net/ip_vs_app, a line for each port of each helper:
//
//	prot port    usecnt name
//	TCP  21      0      ftp
func parseApps(text string) []Helper {
	ports := map[string][]uint16{}
	var names []string
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) != 4 {
			continue
		}
		port, err := strconv.ParseUint(words[1], 10, 16)
		if err != nil {
			continue // the heading
		}
		name := words[3]
		if ports[name] == nil {
			names = append(names, name)
		}
		ports[name] = append(ports[name], uint16(port))
	}
	var out []Helper
	for _, name := range names {
		out = append(out, Helper{Name: name, Ports: HelperPorts(ports[name])})
	}
	return out
}
