package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/govrrpd/govrrpd/checkers"
	"github.com/govrrpd/govrrpd/checkers/bfd"
	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/ipvs/mark"
	"github.com/govrrpd/govrrpd/vrrp"
	"github.com/govrrpd/govrrpd/vrrp/kernel"
)

// A Status is everything that the director knows of itself and its router. Every view of the daemon is a view of this value.
type Status struct {
	Director DirectorStatus       `json:"director"`
	Router   RouterStatus         `json:"router"`
	VRRP     []vrrp.Status        `json:"vrrp"`
	Groups   []vrrp.GroupStatus   `json:"vrrp_sync_groups"`
	Kernel   kernel.Status        `json:"kernel"`
	BFD      []bfd.Status         `json:"bfd"`
	IPVS     []ipvs.ServiceStatus `json:"ipvs"`
	Engine   EngineStatus         `json:"ipvs_engine"`
	Marks    mark.Status          `json:"ipvs_marks"`
	Checks   []checkers.Status    `json:"checks"`

	Tracked []trackedStatus   `json:"tracked"`       // by source
	Scripts []checkers.Status `json:"track_scripts"` // those of the tracked sources

	BFDDropped map[string]uint64 `json:"bfd_dropped"` // packets that no session took, by reason; all of them
}

// A DirectorStatus is the process that answers.
type DirectorStatus struct {
	RouterID string    `json:"router_id"`
	Version  string    `json:"version"`
	PID      int       `json:"pid"`
	Config   string    `json:"config"`    // path it was loaded from
	LoadedAt time.Time `json:"loaded_at"` // last time that the configuration came into force
	Loads    int       `json:"loads"`     // how often that happened
}

// A RouterStatus is the VRRP process.
type RouterStatus struct {
	Version string `json:"version"`
	PID     int    `json:"pid"`
	Error   string `json:"error,omitempty"` // why its status is not known; the VRRP part is empty then
}

// An EngineStatus is what the IPVS engine has done.
type EngineStatus struct {
	Host          ipvs.HostStatus `json:"host"` // timeouts, settings and sync daemons
	Applied       int             `json:"changes_applied"`
	DriftRepaired int             `json:"drift_repaired"` // changes of others to our services that were put back
	Drifts        []ipvs.Drift    `json:"drifts"`         // the last of them and of those that are still there, the newest last
	LastRead      time.Time       `json:"last_read"`
	Error         string          `json:"error,omitempty"`
	Warnings      []string        `json:"warnings"` // what about this host, now, keeps services from working, and what to set

	Panic  *ipvs.PanicStatus     `json:"panic,omitempty"`              // of all virtual servers
	Strays []ipvs.ServerOverride `json:"overrides_of_unknown_servers"` // what operators say of servers that are configured no more
}

// status asks every part for a snapshot.
func (d *daemon) status() Status {
	d.mu.Lock()
	s := Status{Director: DirectorStatus{
		RouterID: d.config.Global.RouterID, Version: version, PID: os.Getpid(),
		Config: d.source.path, LoadedAt: d.loadedAt, Loads: d.loads,
	}}
	config := d.config
	d.mu.Unlock()
	router, err := d.link.Status()
	if err != nil {
		s.Router.Error = err.Error()
	}
	s.Router.PID, s.Router.Version = router.PID, router.Version
	s.Groups = nonNil(router.Groups)
	s.BFD, s.BFDDropped = nonNil(router.BFD), router.BFDDropped
	s.VRRP, s.Kernel = nonNil(router.Routers), router.Kernel
	s.Tracked, s.Scripts = nonNil(router.Tracked), nonNil(d.producers.scripts.Status())
	engine := d.engine.Status()
	s.IPVS, s.Marks = nonNil(engine.Services), d.marks.Status()
	s.Engine = EngineStatus{Panic: engine.Panic, Applied: engine.Applied, DriftRepaired: engine.DriftRepaired,
		Drifts: nonNil(engine.Drifts), LastRead: engine.LastRead, Error: engine.Error, Host: engine.Host,
		Strays: nonNil(engine.Strays), Warnings: nonNil(warningsOfHost(config))}
	s.Engine.addMarks(s.Marks)
	s.Checks = nonNil(d.checks.Status())
	return s
}

// nonNil makes an empty list [] in JSON: a script may iterate without asking first.
func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// keysOf returns s as JSON has it, without what does not belong to a part.
func keysOf(s Status, part string) (any, error) {
	keys := map[string][]string{
		"vrrp": {"router", "vrrp", "vrrp_sync_groups", "kernel", "tracked", "track_scripts"}, "bfd": {"bfd", "bfd_dropped"},
		"ipvs": {"ipvs", "ipvs_engine", "ipvs_marks"}, "checks": {"checks"},
	}[part]
	if keys == nil {
		return s, nil
	}
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	all := make(map[string]json.RawMessage)
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	maps.DeleteFunc(all, func(key string, _ json.RawMessage) bool { return !slices.Contains(keys, key) })
	return all, nil
}

// statusParts are what `govrrpd status` shows alone when named.
func statusParts() []string { return []string{"vrrp", "bfd", "ipvs", "checks"} }

func newStatusCommand() *cobra.Command {
	var socket, output string
	c := &cobra.Command{
		Use:   "status [vrrp|bfd|ipvs|checks]",
		Short: "Show who is master, what is balanced and what is well",
		Long: "Status shows all that the running director and its router process know, or one part of it: vrrp (instances, sync groups, what they\n" +
			"hold and track), bfd, ipvs or checks. What is wrong is in capitals below its line. -o json has everything, with counters.",
		Args:      usageArgs(onePart),
		ValidArgs: statusParts(),
		RunE: func(c *cobra.Command, args []string) error {
			if output != "text" && output != "json" {
				return usagef("-o %s: want text or json", output)
			}
			part := ""
			if len(args) > 0 {
				part = args[0]
			}
			return showStatus(c, socket, output, part)
		},
	}
	addSocketFlag(c, &socket)
	c.Flags().StringVarP(&output, "output", "o", "text", "`format`: text or json")
	return c
}

// onePart accepts nothing, or the name of a part.
func onePart(_ *cobra.Command, args []string) error {
	if len(args) > 1 || len(args) == 1 && !slices.Contains(statusParts(), args[0]) {
		return fmt.Errorf("status %s: want at most one of %s", strings.Join(args, " "), strings.Join(statusParts(), ", "))
	}
	return nil
}

func showStatus(c *cobra.Command, socket, output, part string) error {
	var s Status
	code, err := askDaemon(c.Context(), controlDeadline, socket, http.MethodGet, "/api/v1/status", &s)
	if err != nil {
		return err
	}
	if code != http.StatusOK {
		return fmt.Errorf("the daemon answers %d %s", code, http.StatusText(code))
	}
	if output == "json" {
		return writeStatusJSON(os.Stdout, s, part)
	}
	return writeStatusText(os.Stdout, s, part, time.Now())
}

// writeStatusJSON prints the whole status, or what belongs to one part, under the same names.
func writeStatusJSON(w io.Writer, s Status, part string) error {
	value, err := keysOf(s, part)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
