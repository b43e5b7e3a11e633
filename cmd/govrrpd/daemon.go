package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/checkers"
	"github.com/govrrpd/govrrpd/conf"
	"github.com/govrrpd/govrrpd/ipvs"
)

func newRunCommand() *cobra.Command {
	var socket string
	var source configSource
	var logs logFlags
	c := &cobra.Command{
		Use:   "run",
		Short: "Run the director in the foreground",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			signal.Ignore(unix.SIGPIPE) // a log that nobody reads any more is no reason to end
			log, err := logs.logger(os.Stderr)
			if err != nil {
				return err
			}
			d := &daemon{socket: socket, source: source, log: log, table: &ipvsTable{}, routerArgs: logs.args()}
			return d.run(c.Context())
		},
	}
	addSocketFlag(c, &socket)
	source.add(c)
	logs.add(c)
	return c
}

// A configSource is where the configuration comes from.
type configSource struct {
	path string
	vars []string // name=value, from the command line
}

func (s *configSource) add(c *cobra.Command) {
	c.Flags().StringVarP(&s.path, "config", "c", defaultConfig, "file, or folder of *.hcl files")
	c.Flags().StringArrayVar(&s.vars, "var", nil, "value of a variable, as name=value; may be repeated")
}

// load reads the configuration and prints what is wrong with it to the returned text.
func (s *configSource) load() (*conf.Config, string, error) {
	vars, err := s.variables()
	if err != nil {
		return nil, "", err
	}
	c, diags := conf.Load([]string{s.path}, vars)
	debug.FreeOSMemory() // the parser needs a hundred times what stays
	var text strings.Builder
	if err := conf.Write(&text, diags); err != nil {
		return nil, "", err
	}
	if c == nil {
		return nil, text.String(), fmt.Errorf("%s is not valid", s.path)
	}
	return c, text.String(), nil
}

// variables collects GOVRRPD_VAR_name from the environment, and over it the command line.
func (s *configSource) variables() (map[string]string, error) {
	vars := make(map[string]string)
	for _, e := range os.Environ() {
		if name, value, ok := strings.Cut(strings.TrimPrefix(e, "GOVRRPD_VAR_"), "="); ok && strings.HasPrefix(e, "GOVRRPD_VAR_") {
			vars[name] = value
		}
	}
	for _, v := range s.vars {
		name, value, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			return nil, usagef("--var %s: want name=value", v)
		}
		vars[name] = value
	}
	return vars, nil
}

// A daemon is the director: it reads the configuration, runs the checks and the IPVS engine, and keeps the router going.
type daemon struct {
	socket     string
	source     configSource
	log        *slog.Logger
	routerArgs []string

	link   *routerLink
	route  *verdictRoute
	checks *checkers.Set
	engine *ipvs.Engine
	table  *ipvsTable

	reloading sync.Mutex // one reload at a time
	mu        sync.Mutex
	config    *conf.Config
	loadedAt  time.Time
	loads     int
}

// run starts everything, waits for a signal, and stops everything in the order that hurts nobody.
func (d *daemon) run(ctx context.Context) error {
	config, complaints, err := d.source.load()
	fmt.Fprint(os.Stderr, complaints)
	if err != nil {
		return err
	}
	lock, err := lockFile(runtimeFile(d.socket, "director.lock"))
	if err != nil {
		return fmt.Errorf("another director serves %s: %w", d.socket, err)
	}
	defer lock.Close()
	if err := d.build(config); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, unix.SIGTERM, unix.SIGINT)
	defer stop()
	if err := d.connect(ctx, config); err != nil {
		return err
	}
	listener, err := listenUnix(d.socket)
	if err != nil {
		return err
	}
	d.adopt(config)
	d.log.Info("director started", "version", version, "config", d.source.path,
		"vrrp_instances", len(config.Routers), "virtual_servers", len(config.Services), "checks", len(config.Checks))

	// Three circles, ended from the outside in: who may ask, what finds out, what serves.
	asking, endAsking := context.WithCancel(ctx)
	defer endAsking()
	serving, endServing := context.WithCancel(context.WithoutCancel(ctx))
	defer endServing()
	outer, askingCtx := errgroup.WithContext(asking)
	inner, servingCtx := errgroup.WithContext(serving)
	outer.Go(func() error { return d.serveControl(askingCtx, listener) })
	outer.Go(func() error { return d.reloadOnHangup(askingCtx) })
	outer.Go(func() error { return d.checks.Run(askingCtx) })
	inner.Go(func() error { return d.link.Run(servingCtx) })
	inner.Go(func() error { defer endAsking(); return d.engine.Run(servingCtx) })

	err = outer.Wait()
	d.log.Info("director is stopping")
	err = errors.Join(err, d.link.Stop()) // priority 0, addresses released
	endServing()
	err = errors.Join(err, inner.Wait()) // the table is left or flushed
	d.log.Info("director stopped")
	return err
}

// build makes what can fail to be made, and starts nothing.
func (d *daemon) build(config *conf.Config) error {
	if len(config.Services) > 0 {
		if err := d.table.open(); err != nil {
			return err
		}
	}
	var owned []ipvs.Key
	if err := loadJSON(d.ownedFile(), &owned); err != nil {
		d.log.Warn("which IPVS services were ours is not known; those no longer configured stay", "error", err)
	}
	d.link = newRouterLink(runtimeFile(d.socket, "router.sock"), d.routerArgs, d.log)
	d.engine = ipvs.NewEngine(d.table, d.log, ipvs.Options{
		Refresh: config.Global.Refresh, Flush: config.Global.FlushOnStop, Owned: owned, OnOwned: d.rememberOwned,
	})
	d.route = newVerdictRoute(d.engine.SetHealth, d.log)
	d.checks = checkers.NewSet(d.route.Report, d.log)
	return nil
}

// connect finds or starts the router and tells it what is wanted. What a router of ours cannot do ends the start; one that was
// there before is not stopped for it.
func (d *daemon) connect(ctx context.Context, config *conf.Config) error {
	adopted, err := d.link.Connect(ctx, wantedOfRouter(config))
	if err == nil {
		return nil
	}
	if adopted {
		d.log.Error("the router process could not do all that is wanted", "error", err)
		return nil
	}
	return errors.Join(err, d.link.Stop())
}

func wantedOfRouter(c *conf.Config) routerConfig {
	return routerConfig{RTPriority: c.Global.RTPriority, LockMemory: c.Global.LockMemory, Routers: c.Routers}
}

// adopt makes config the current one of everything in this process. Nothing in it can fail.
func (d *daemon) adopt(config *conf.Config) {
	d.mu.Lock()
	d.config, d.loadedAt = config, time.Now()
	d.loads++
	d.mu.Unlock()
	d.engine.SetRefresh(config.Global.Refresh)
	d.engine.SetFlush(config.Global.FlushOnStop)
	d.engine.Configure(config.Services)
	d.route.Configure(config)
	checks := make([]checkers.Config, len(config.Checks))
	for i, c := range config.Checks {
		checks[i] = c.Config
	}
	d.checks.Configure(checks)
}

func (d *daemon) reloadOnHangup(ctx context.Context) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, unix.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hangup:
			if complaints, err := d.reload(); err != nil {
				d.log.Error("reload refused, nothing was changed", "error", err, "diagnostics", complaints)
			}
		}
	}
}

// errKept marks a reload that changed nothing.
var errKept = errors.New("the running configuration stays")

// reload reads the files again. Everything that can be refused is refused before anything changes; complaints are the
// diagnostics, warnings included.
func (d *daemon) reload() (complaints string, err error) {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	config, complaints, err := d.source.load()
	if err != nil {
		return complaints, fmt.Errorf("%w; %w", err, errKept)
	}
	if len(config.Services) > 0 {
		if err := d.table.open(); err != nil {
			return complaints, fmt.Errorf("%w; %w", err, errKept)
		}
	}
	err = d.link.Apply(wantedOfRouter(config))
	d.adopt(config)
	if err != nil {
		return complaints, fmt.Errorf("the new configuration is in force, but: %w", err)
	}
	d.log.Info("configuration reloaded", "config", d.source.path,
		"vrrp_instances", len(config.Routers), "virtual_servers", len(config.Services), "checks", len(config.Checks))
	return complaints, nil
}

// ownedFile lists the services that this director made, so that the next one can tell them from other people's.
func (d *daemon) ownedFile() string { return runtimeFile(d.socket, "ipvs-services.json") }

func (d *daemon) rememberOwned(keys []ipvs.Key) {
	if err := saveJSON(d.ownedFile(), keys); err != nil {
		d.log.Warn("cannot remember which IPVS services are ours", "error", err)
	}
}
