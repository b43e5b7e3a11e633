package main

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/ipvs/ipvsadm"
)

// A listing is what the flags of `ipvs list` and `ipvs stats` ask for.
type listing struct {
	output  outputFlag
	columns map[string]*bool // by ipvsadm's name of the flag
	numeric bool
	exact   bool
	noSort  bool
	rules   bool
	pick    picked
}

// columnFlags are the flags that choose what is shown of each server; at most one of them is given.
var columnFlags = []struct {
	name    string
	columns ipvsadm.Columns
	usage   string
}{
	{"stats", ipvsadm.Statistics, "show what was counted: connections, packets and bytes"},
	{"rate", ipvsadm.Rate, "show the same per second"},
	{"thresholds", ipvsadm.Thresholds, "show the bounds of connections"},
	{"persistent-conn", ipvsadm.PersistentConns, "show the connections that persistence keeps"},
	{"tun-info", ipvsadm.TunInfo, "show how packets to servers are wrapped"},
}

func newIPVSListCommand() *cobra.Command { return newListCommand(&listing{}) }

// newListCommand returns the command whose flags are put in l.
func newListCommand(l *listing) *cobra.Command {
	c := &cobra.Command{
		Use:   "list",
		Short: "Show services and their real servers, as ipvsadm -L",
		Long: "List shows the services of the kernel and their real servers: with -n as `ipvsadm -Ln` does, with --rules as `ipvsadm -S`. Counters of a real\n" +
			"server have 64 bits, where ipvsadm cuts them to 32.",
		Args: usageArgs(noArgs),
		RunE: func(*cobra.Command, []string) error {
			columns, err := l.chosen()
			if err != nil {
				return err
			}
			return l.show(os.Stdout, columns)
		},
	}
	l.add(c)
	l.columns = map[string]*bool{}
	for _, f := range columnFlags {
		l.columns[f.name] = c.Flags().Bool(f.name, false, f.usage)
	}
	c.Flags().BoolVar(&l.rules, "rules", false, "show commands that `ipvsadm -R` takes, as ipvsadm -S; with --thresholds also the bounds, which ipvsadm leaves out")
	return c
}

func newIPVSStatsCommand() *cobra.Command {
	var l listing
	var rate, total bool
	c := &cobra.Command{
		Use:   "stats",
		Short: "Show what was counted of services and their real servers, as ipvsadm -L --stats",
		Args:  usageArgs(noArgs),
		RunE: func(*cobra.Command, []string) error {
			switch {
			case !total && rate:
				return l.show(os.Stdout, ipvsadm.Rate)
			case !total:
				return l.show(os.Stdout, ipvsadm.Statistics)
			case rate || l.pick.given():
				return usagef("--total is of all services together, and has what comes per second, too: leave the other flags out")
			}
			if err := l.output.check(); err != nil {
				return err
			}
			s, r, err := ipvs.Totals()
			if err != nil {
				return err
			}
			return l.output.print(os.Stdout, totalsJSON{s, r}, func() { writeTotals(os.Stdout, s, r) })
		},
	}
	l.add(c)
	c.Flags().BoolVar(&rate, "rate", false, "show what comes per second, as ipvsadm -L --rate")
	c.Flags().BoolVar(&total, "total", false, "show what was counted of all services together, in full and per second")
	return c
}

// add gives c the flags of both commands.
func (l *listing) add(c *cobra.Command) {
	l.output.add(c)
	c.Flags().BoolVarP(&l.numeric, "numeric", "n", false, "show addresses and ports by their numbers")
	c.Flags().BoolVar(&l.exact, "exact", false, "show counters in full, rather than as 123456K")
	c.Flags().BoolVar(&l.noSort, "nosort", false, "show services and servers in the order of the kernel")
	l.pick.add(c)
}

// chosen returns the columns that were asked for.
func (l *listing) chosen() (columns ipvsadm.Columns, err error) {
	var given []string
	for _, f := range columnFlags {
		if *l.columns[f.name] {
			given, columns = append(given, "--"+f.name), f.columns
		}
	}
	if len(given) > 1 {
		return 0, usagef("%s exclude one another: give one", strings.Join(given, " and "))
	}
	if l.rules && columns != ipvsadm.Plain && columns != ipvsadm.Thresholds {
		return 0, usagef("%s is of no use with --rules: give one", given[0])
	}
	return columns, nil
}

// show prints what the flags ask for.
func (l *listing) show(w io.Writer, columns ipvsadm.Columns) error {
	if err := l.output.check(); err != nil {
		return err
	}
	key, one, err := l.pick.key()
	if err != nil {
		return err
	}
	return withKernel(func(n *ipvs.Netlink) error {
		list, err := n.List()
		if err != nil {
			return err
		}
		if !l.noSort {
			ipvsadm.Sort(list)
		}
		if one {
			if list, err = only(list, key); err != nil {
				return err
			}
		}
		info, err := n.Info()
		if err != nil {
			return err
		}
		return l.output.print(w, tableAsJSON(list), func() { l.text(w, columns, info, list, one) })
	})
}

func (l *listing) text(w io.Writer, columns ipvsadm.Columns, info ipvs.Info, list []ipvs.Listed, one bool) {
	var names ipvsadm.Names
	if !l.numeric {
		names = systemNames()
	}
	if l.rules {
		for _, s := range list {
			ipvsadm.WriteRules(w, s, names, columns == ipvsadm.Thresholds)
		}
		return
	}
	form := ipvsadm.Form{Columns: columns, Exact: l.exact, Names: names}
	if !one {
		ipvsadm.WriteTitle(w, info)
	}
	form.WriteHeadings(w)
	for _, s := range list {
		form.WriteService(w, s)
	}
}

// only returns the service at key.
func only(list []ipvs.Listed, key ipvs.Key) ([]ipvs.Listed, error) {
	for _, l := range list {
		if l.Service.Key == key {
			return []ipvs.Listed{l}, nil
		}
	}
	there := make([]string, 0, len(list))
	for _, l := range list {
		there = append(there, l.Service.Key.String())
	}
	switch {
	case len(there) == 0:
		return nil, fmt.Errorf("there is no service %s: the kernel's table is empty", key)
	case len(there) > namedServices:
		return nil, fmt.Errorf("there is no service %s among the %d of the kernel; `govrrpd ipvs list -n` shows them", key, len(there))
	}
	return nil, fmt.Errorf("there is no service %s; the kernel has %s", key, strings.Join(there, ", "))
}

// namedServices are at most as many as an error names.
const namedServices = 8

// A picked is a service as ipvsadm's flags name it.
type picked struct {
	addresses [3]string // of pickFlags
	mark      string
	six       bool
}

var pickFlags = [3]struct {
	name, short string
	proto       ipvs.Proto
}{{"tcp-service", "t", ipvs.TCP}, {"udp-service", "u", ipvs.UDP}, {"sctp-service", "", ipvs.SCTP}}

func (p *picked) add(c *cobra.Command) {
	for i, f := range pickFlags {
		c.Flags().StringVarP(&p.addresses[i], f.name, f.short, "", "show only the "+f.proto.String()+" service at `ADDRESS:PORT`")
	}
	c.Flags().StringVarP(&p.mark, "fwmark-service", "f", "", "show only the service of the firewall `MARK`, of IPv6 with -6")
	c.Flags().BoolVarP(&p.six, "ipv6", "6", false, "the service of the firewall mark is one of IPv6")
}

func (p *picked) given() bool { return p.mark != "" || strings.Join(p.addresses[:], "") != "" }

// key returns the service that was picked, if one was.
func (p *picked) key() (k ipvs.Key, ok bool, err error) {
	count := 0
	for i, f := range pickFlags {
		if p.addresses[i] == "" {
			continue
		}
		count++
		addr, err := netip.ParseAddrPort(p.addresses[i])
		if err != nil {
			return k, false, usagef("--%s %s: want an address and a port, such as 192.0.2.10:80 or [2001:db8::10]:80", f.name, p.addresses[i])
		}
		k = ipvs.Key{Proto: f.proto, Addr: netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())}
	}
	if p.mark != "" {
		count++
		mark, err := strconv.ParseUint(p.mark, 0, 32)
		if err != nil || mark == 0 {
			return k, false, usagef("--fwmark-service %s: want a mark of 1 to 4294967295", p.mark)
		}
		k = ipvs.Key{Mark: uint32(mark), Family: ipvs.V4}
		if p.six {
			k.Family = ipvs.V6
		}
	}
	switch {
	case count > 1:
		return k, false, usagef("only one of -t, -u, --sctp-service and -f can be given")
	case p.six && p.mark == "":
		return k, false, usagef("-6 goes with -f MARK; an IPv6 address is known by its brackets: -t [2001:db8::10]:80")
	}
	return k, count == 1, nil
}
