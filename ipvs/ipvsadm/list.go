package ipvsadm

import (
	"fmt"
	"io"
	"strings"

	"github.com/govrrpd/govrrpd/ipvs"
)

// Columns are what a list shows of each server.
type Columns uint8

// The columns of `ipvsadm -L` without an option, and with --stats, --rate, --thresholds, --persistent-conn and --tun-info.
const (
	Plain Columns = iota
	Statistics
	Rate
	Thresholds
	PersistentConns
	TunInfo
)

// A Form is how a list is printed.
type Form struct {
	Columns Columns
	Exact   bool // counters in full rather than as 123456K
	Names   Names
}

// WriteTitle prints what `ipvsadm -L` has above a list of all services. Above that of one service it has only WriteHeadings.
func WriteTitle(w io.Writer, i ipvs.Info) {
	fmt.Fprintf(w, "IP Virtual Server version %s (size=%d)\n", i.Version, i.TableSize)
}

// WriteHeadings prints the names of the columns.
func (f Form) WriteHeadings(w io.Writer) {
	const server = "  -> RemoteAddress:Port"
	switch f.Columns {
	case Statistics:
		fmt.Fprintf(w, "Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes\n%s\n", server)
	case Rate:
		fmt.Fprintf(w, "Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS\n%s\n", server)
	case Thresholds:
		fmt.Fprintf(w, "Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn \n%s\n", server)
	case PersistentConns:
		fmt.Fprintf(w, "Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn \n%s\n", server)
	case TunInfo:
		fmt.Fprintf(w, "Prot LocalAddress:Port Scheduler Flags\n%s           Forward TunnelInfo    Weight ActiveConn InActConn\n", server)
	default:
		fmt.Fprintf(w, "Prot LocalAddress:Port Scheduler Flags\n%s           Forward Weight ActiveConn InActConn\n", server)
	}
}

// WriteService prints a service and its servers.
func (f Form) WriteService(w io.Writer, l ipvs.Listed) {
	proto, name := f.Names.title(l.Service.Key)
	switch f.Columns {
	case Statistics, Rate:
		fmt.Fprintf(w, "%-4s %-28s%s\n", proto, name, f.counters(l.Stats, l.Rates))
	default:
		fmt.Fprintf(w, "%-4s %s %s\n", proto, name, options(l.Service))
	}
	for _, s := range l.Servers {
		fmt.Fprintf(w, "  -> %-28s%s\n", f.Names.addrPort(l.Service.Proto, s.Dest.Addr), f.server(s))
	}
}

// options are the scheduler of a service and what is special about it: "sh (sh-port) persistent 300 mask 255.255.255.0".
func options(s ipvs.Service) string {
	out := s.Scheduler
	if flags := SchedulerFlags(s); len(flags) > 0 {
		out += " (" + strings.Join(flags, ",") + ")"
	}
	if s.Persistence > 0 {
		out += fmt.Sprintf(" persistent %.0f", s.Persistence.Seconds())
		if m := ClientMask(s); m != "" {
			out += " mask " + m
		}
		if s.Engine != "" {
			out += " pe " + s.Engine
		}
	}
	if OnePacket(s) {
		out += " ops"
	}
	return out
}

// server is the line of a server after its address.
func (f Form) server(s ipvs.ListedServer) string {
	d, l := s.Dest, s.Load
	switch f.Columns {
	case Statistics, Rate:
		return f.counters(s.Stats, s.Rates)
	case Thresholds:
		return fmt.Sprintf(" %-10d %-10d %-10d %-10d", d.Upper, d.Lower, l.Active, l.Inactive)
	case PersistentConns:
		return fmt.Sprintf(" %-9d %-11d %-10d %-10d", d.Weight, l.Persistent, l.Active, l.Inactive)
	case TunInfo:
		return fmt.Sprintf(" %-7s %-13s %-6d %-10d %-10d", forward(d.Forward), tunnelInfo(d), d.Weight, l.Active, l.Inactive)
	}
	return fmt.Sprintf(" %-7s %-6d %-10d %-10d", forward(d.Forward), d.Weight, l.Active, l.Inactive)
}

func (f Form) counters(s ipvs.Stats, r ipvs.Rates) string {
	numbers := [...]uint64{s.Connections, s.InPackets, s.OutPackets, s.InBytes, s.OutBytes}
	if f.Columns == Rate {
		numbers = [...]uint64{r.Connections, r.InPackets, r.OutPackets, r.InBytes, r.OutBytes}
	}
	out := ""
	for _, n := range numbers {
		out += f.counter(n)
	}
	return out
}

// counter is a number of up to 8 digits, or as many thousands, millions and so on, rounded down.
func (f Form) counter(n uint64) string {
	if f.Exact || n < 1e8 {
		return fmt.Sprintf(" %8d", n)
	}
	switch {
	case n < 1e9:
		return fmt.Sprintf("%8dK", n/1e3)
	case n < 1e11:
		return fmt.Sprintf("%8dM", n/1e6)
	case n < 1e14:
		return fmt.Sprintf("%8dG", n/1e9)
	}
	return fmt.Sprintf("%8dT", n/1e12)
}
