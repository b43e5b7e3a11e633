package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/ipvs/ipvsadm"
)

// newIPVSCommand returns the commands that show what is in the kernel. They ask it, not the daemon: what they show is there, whoever made it.
func newIPVSCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "ipvs",
		Short: "Show what the kernel's IPVS has, as ipvsadm does",
		Long: "Ipvs asks the kernel, not the daemon, and changes nothing. Its text is that of ipvsadm 1.31, so that scripts that read one can read\n" +
			"the other; -o json is for programs.",
		Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newIPVSListCommand(), newIPVSStatsCommand(), newIPVSConnsCommand(), newIPVSTimeoutsCommand(), newIPVSDaemonsCommand())
	return c
}

// An outputFlag is -o of a command.
type outputFlag string

func (o *outputFlag) add(c *cobra.Command) {
	c.Flags().StringVarP((*string)(o), "output", "o", "text", "`format`: text or json")
}

func (o *outputFlag) check() error {
	if *o != "text" && *o != "json" {
		return usagef("-o %s: want text or json", *o)
	}
	return nil
}

// print writes v as JSON, or calls text.
func (o *outputFlag) print(w io.Writer, v any, text func()) error {
	if *o == "text" {
		text()
		return nil
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// withKernel calls f with the kernel's IPVS of this network namespace.
func withKernel(f func(*ipvs.Netlink) error) error {
	n, err := ipvs.Open()
	if err != nil {
		return err
	}
	defer n.Close()
	return f(n)
}

// A timeoutsJSON has the timeouts in seconds.
type timeoutsJSON struct {
	TCP float64 `json:"tcp_seconds"`
	FIN float64 `json:"tcp_fin_seconds"`
	UDP float64 `json:"udp_seconds"`
}

func newIPVSTimeoutsCommand() *cobra.Command {
	var output outputFlag
	c := &cobra.Command{
		Use:   "timeouts",
		Short: "Show the timeouts of connections, as ipvsadm -L --timeout",
		Args:  usageArgs(noArgs),
		RunE: func(*cobra.Command, []string) error {
			if err := output.check(); err != nil {
				return err
			}
			return withKernel(func(n *ipvs.Netlink) error {
				host, err := n.Host(nil)
				if err != nil {
					return err
				}
				t := host.Timeouts
				return output.print(os.Stdout, timeoutsJSON{t.TCP.Seconds(), t.FIN.Seconds(), t.UDP.Seconds()}, func() { ipvsadm.WriteTimeouts(os.Stdout, t) })
			})
		},
	}
	output.add(c)
	return c
}

// A daemonJSON is a sync daemon of the kernel.
type daemonJSON struct {
	State     string `json:"state"` // master or backup
	Interface string `json:"interface"`
	ID        uint8  `json:"sync_id"`
	MaxLen    uint16 `json:"max_length"` // bytes of a message
	Group     string `json:"group"`
	Port      uint16 `json:"port"`
	TTL       uint8  `json:"ttl"`
}

func newIPVSDaemonsCommand() *cobra.Command {
	var output outputFlag
	c := &cobra.Command{
		Use:   "daemons",
		Short: "Show the sync daemons, as ipvsadm -L --daemon",
		Args:  usageArgs(noArgs),
		RunE: func(*cobra.Command, []string) error {
			if err := output.check(); err != nil {
				return err
			}
			return withKernel(func(n *ipvs.Netlink) error {
				host, err := n.Host(nil)
				if err != nil {
					return err
				}
				list := []daemonJSON{}
				for _, d := range host.Daemons {
					list = append(list, daemonJSON{d.State.String(), d.Interface, d.ID, d.MaxLen, d.Group.String(), d.Port, d.TTL})
				}
				return output.print(os.Stdout, map[string]any{"daemons": list}, func() {
					for _, d := range host.Daemons {
						ipvsadm.WriteDaemon(os.Stdout, d)
					}
				})
			})
		},
	}
	output.add(c)
	return c
}

// A totalsJSON is what the kernel has counted of all services together.
type totalsJSON struct {
	Stats ipvs.Stats `json:"stats"`
	Rates ipvs.Rates `json:"rates"`
}

// writeTotals prints the same as a table.
func writeTotals(w io.Writer, s ipvs.Stats, r ipvs.Rates) {
	row := func(name string, n ...any) {
		fmt.Fprintf(w, "%-10s %20v %20v %20v %20v %20v\n", append([]any{name}, n...)...)
	}
	row("", "CONNECTIONS", "IN PACKETS", "OUT PACKETS", "IN BYTES", "OUT BYTES")
	row("total", s.Connections, s.InPackets, s.OutPackets, s.InBytes, s.OutBytes)
	row("per second", r.Connections, r.InPackets, r.OutPackets, r.InBytes, r.OutBytes)
}
