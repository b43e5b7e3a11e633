package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/ipvs/ipvsadm"
)

// A connJSON is a connection of the kernel, or what persistence keeps of a client.
type connJSON struct {
	Protocol   string `json:"protocol"`
	Expires    int    `json:"expires_seconds"`
	State      string `json:"state"`
	Client     string `json:"client"`
	Service    string `json:"service"`
	Server     string `json:"server"`
	Mark       uint32 `json:"mark,omitempty"`
	Engine     string `json:"persistence_engine,omitempty"`
	EngineData string `json:"persistence_engine_data,omitempty"`
}

func newIPVSConnsCommand() *cobra.Command {
	var output outputFlag
	var numeric, engines bool
	c := &cobra.Command{
		Use:   "conns",
		Short: "Show the connections, as ipvsadm -Lc",
		Long:  "Conns shows the kernel's table of connections; with -o json one object on each line, as there may be millions.",
		Args:  usageArgs(noArgs),
		RunE: func(*cobra.Command, []string) error {
			if err := output.check(); err != nil {
				return err
			}
			table, err := ipvs.OpenConnections()
			if err != nil {
				return err
			}
			defer table.Close()
			out := bufio.NewWriter(os.Stdout)
			if output == "json" {
				err = connsAsJSON(out, table)
			} else {
				err = connsAsText(out, table, numeric, engines)
			}
			return errors.Join(err, out.Flush())
		},
	}
	output.add(c)
	c.Flags().BoolVarP(&numeric, "numeric", "n", false, "show addresses and ports by their numbers")
	c.Flags().BoolVar(&engines, "persistent-conn", false, "show what persistence engines go by, too")
	return c
}

func connsAsText(w io.Writer, table io.Reader, numeric, engines bool) error {
	var names ipvsadm.Names
	if !numeric {
		names = systemNames()
	}
	ipvsadm.WriteConnHeadings(w, engines)
	return ipvs.EachConnection(table, func(c ipvs.Connection) error {
		ipvsadm.WriteConn(w, c, names, engines)
		return nil
	})
}

func connsAsJSON(w io.Writer, table io.Reader) error {
	encoder := json.NewEncoder(w)
	return ipvs.EachConnection(table, func(c ipvs.Connection) error {
		one := connJSON{Protocol: c.Protocol, Expires: int(c.Expires.Seconds()), State: c.State, Client: c.Client.String(), Server: c.Server.String(),
			Mark: c.Mark(), Engine: c.Engine, EngineData: c.EngineData}
		if one.Mark == 0 {
			one.Service = c.Service.String()
		}
		return encoder.Encode(one)
	})
}
