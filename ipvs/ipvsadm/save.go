package ipvsadm

import (
	"fmt"
	"io"
	"strings"

	"github.com/govrrpd/govrrpd/ipvs"
)

// WriteRules prints a service as `ipvsadm -S` does, in options that ipvsadm -R takes. ipvsadm leaves the bounds of servers out; with bounds they are
// there as -x and -y.
func WriteRules(w io.Writer, l ipvs.Listed, n Names, bounds bool) {
	service := n.option(l.Service.Key)
	fmt.Fprintf(w, "-A %s %s\n", service, rule(l.Service))
	for _, s := range l.Servers {
		out := fmt.Sprintf("-a %s -r %s %s -w %d%s", service, n.addrPort(l.Service.Proto, s.Dest.Addr), forwardOption(s.Dest.Forward), s.Dest.Weight, tunnel(s.Dest))
		if bounds && s.Dest.Upper != 0 {
			out += fmt.Sprintf(" -x %d -y %d", s.Dest.Upper, s.Dest.Lower)
		}
		fmt.Fprintln(w, out)
	}
}

// option names a service: "-t 192.0.2.10:80", "-f 1 -6".
func (n Names) option(k ipvs.Key) string {
	word := map[ipvs.Proto]string{ipvs.TCP: "-t", ipvs.UDP: "-u", ipvs.SCTP: "--sctp-service"}[k.Proto]
	switch {
	case k.Mark == 0:
		return word + " " + n.addrPort(k.Proto, k.Addr)
	case k.AF() == ipvs.V6:
		return "-f " + markText(k.Mark) + " -6"
	}
	return "-f " + markText(k.Mark)
}

// rule is what follows the name of a service.
func rule(s ipvs.Service) string {
	out := "-s " + s.Scheduler
	if s.Persistence > 0 {
		out += fmt.Sprintf(" -p %.0f", s.Persistence.Seconds())
		if m := ClientMask(s); m != "" {
			out += " -M " + m
		}
		if s.Engine != "" {
			out += " --pe " + s.Engine
		}
	}
	if OnePacket(s) {
		out += " -o"
	}
	if flags := SchedulerFlags(s); len(flags) > 0 {
		out += " -b " + strings.Join(flags, ",")
	}
	return out
}

// forwardOption is -g also for what cannot be asked for: a server on the director itself.
func forwardOption(f ipvs.Forward) string {
	switch f {
	case ipvs.NAT:
		return "-m"
	case ipvs.TUN:
		return "-i"
	}
	return "-g"
}

// tunnel are the options of how packets to a server are wrapped.
func tunnel(d ipvs.Dest) string {
	if d.Forward != ipvs.TUN {
		return ""
	}
	out := " --tun-type " + d.Tunnel.Kind.String()
	if d.Tunnel.Kind == ipvs.IPIP {
		return out
	}
	if d.Tunnel.Kind == ipvs.GUE {
		out += fmt.Sprintf(" --tun-port %d", d.Tunnel.Port)
	}
	switch {
	case d.Tunnel.Flags&ipvs.TunnelRemoteChecksum != 0:
		return out + " --tun-remcsum"
	case d.Tunnel.Flags&ipvs.TunnelChecksum != 0:
		return out + " --tun-csum"
	}
	return out + " --tun-nocsum"
}
