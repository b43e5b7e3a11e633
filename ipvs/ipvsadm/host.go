package ipvsadm

import (
	"fmt"
	"io"

	"github.com/govrrpd/govrrpd/ipvs"
)

// WriteConnHeadings prints what `ipvsadm -Lc` has above the connections; with engines, what it has with --persistent-conn.
func WriteConnHeadings(w io.Writer, engines bool) {
	more := ""
	if engines {
		more = "        pe name          pe_data"
	}
	fmt.Fprintf(w, "IPVS connection entries\npro expire state       source             virtual            destination%s\n", more)
}

// WriteConn prints a connection; with engines, what its persistence engine goes by, too.
func WriteConn(w io.Writer, c ipvs.Connection, n Names, engines bool) {
	seconds := int(c.Expires.Seconds())
	expires := fmt.Sprintf("%02d:%02d", seconds/60, seconds%60)
	fmt.Fprintf(w, "%-3s %-6s %-11s %-18s %-18s ", c.Protocol, expires, c.State, n.addrPort(c.Proto, c.Client), n.addrPort(c.Proto, c.Service))
	server := n.addrPort(c.Proto, c.Server)
	if engines && c.Engine != "" {
		fmt.Fprintf(w, "%-16s %-18s %s\n", server, c.Engine, c.EngineData)
		return
	}
	fmt.Fprintln(w, server)
}

// WriteTimeouts prints the timeouts as `ipvsadm -L --timeout` does, in seconds.
func WriteTimeouts(w io.Writer, t ipvs.Timeouts) {
	fmt.Fprintf(w, "Timeout (tcp tcpfin udp): %.0f %.0f %.0f\n", t.TCP.Seconds(), t.FIN.Seconds(), t.UDP.Seconds())
}

// WriteDaemon prints a sync daemon as `ipvsadm -L --daemon` does.
func WriteDaemon(w io.Writer, d ipvs.Daemon) {
	fmt.Fprintf(w, "%s sync daemon (mcast=%s, syncid=%d, maxlen=%d, group=%s, port=%d, ttl=%d)\n", d.State, d.Interface, d.ID, d.MaxLen, d.Group, d.Port, d.TTL)
}
