package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
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
	"github.com/govrrpd/govrrpd/ipvs/mark"
)

func newRunCommand() *cobra.Command {
	var socket string
	var source configSource
	var logs logFlags
	c := &cobra.Command{
		Use:   "run",
		Short: "Run the director in the foreground",
		Long: "Run reads the configuration, starts the router process, checks the real servers and balances, until SIGTERM or SIGINT. Then\n" +
			"it resigns and releases the addresses. SIGHUP reloads, as govrrpd reload does, but only the log tells the outcome. At SIGUSR1,\n" +
			"or when it is killed, the router process goes on; the next run with the same --socket takes it over.",
		Args: usageArgs(noArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			// A log that nobody reads any more is no reason to end. Ignoring the signal would make every check script ignore it, too.
			signal.Notify(make(chan os.Signal, 1), unix.SIGPIPE)
			log, endLog, err := logs.start(os.Stderr)
			if err != nil {
				return err
			}
			defer endLog()
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
	c.Flags().StringVarP(&s.path, "config", "c", defaultConfig, "`path` of a file, or of a folder of *.hcl files")
	c.Flags().StringArrayVar(&s.vars, "var", nil, "`name=value` of a variable, before GOVRRPD_VAR_name in the environment; may be repeated")
}

// load reads the configuration and prints what is wrong with it to the returned text.
func (s *configSource) load() (*conf.Config, string, error) {
	vars, err := s.variables()
	if err != nil {
		return nil, "", err
	}
	c, diags := conf.Load([]string{s.path}, vars)
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
	marks  *mark.Table
	table  *ipvsTable

	producers *producers // of what virtual routers track

	programmed <-chan struct{} // closed once the kernel has what the first configuration asks for

	reloading sync.Mutex // one reload at a time
	mu        sync.Mutex
	config    *conf.Config
	loadedAt  time.Time
	loads     int
}

// run starts everything, waits for a signal, and stops everything in the order that hurts nobody.
func (d *daemon) run(ctx context.Context) error {
	// From here on: a hangup during the start is a reload after it.
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, unix.SIGHUP)
	defer signal.Stop(hangup)
	leave := make(chan os.Signal, 1)
	signal.Notify(leave, unix.SIGUSR1)
	defer signal.Stop(leave)
	ctx, stop := signal.NotifyContext(ctx, unix.SIGTERM, unix.SIGINT)
	defer stop()
	config, complaints, err := d.source.load()
	fmt.Fprint(os.Stderr, complaints)
	if err != nil {
		return err
	}
	lock, err := d.lock(ctx)
	if err != nil {
		return err
	}
	defer lock.Close()
	listener, err := d.start(ctx, config)
	if errors.Is(err, context.Canceled) {
		d.log.Info("director was stopped during its start")
		return nil
	}
	if err != nil {
		return err
	}
	d.log.Info("director started", "version", version, "config", d.source.path,
		"vrrp_instances", len(config.Routers), "virtual_servers", len(config.Services), "checks", len(config.Checks))
	return d.serve(ctx, listener, hangup, leave)
}

// serve runs all goroutines until ctx ends, leave is signalled or one of them cannot go on. They are three circles, ended from the
// outside in: who may ask, what finds out, what serves.
func (d *daemon) serve(ctx context.Context, listener net.Listener, hangup, leave <-chan os.Signal) error {
	asking, endAsking := context.WithCancel(ctx)
	defer endAsking()
	serving, endServing := context.WithCancel(context.WithoutCancel(ctx))
	defer endServing()
	outer, askingCtx := errgroup.WithContext(asking)
	inner, servingCtx := errgroup.WithContext(serving)
	outer.Go(func() error { return d.serveControl(askingCtx, listener) })
	outer.Go(func() error { return d.reloadOnHangup(askingCtx, hangup) })
	outer.Go(func() error { return d.checks.Run(askingCtx) })
	outer.Go(func() error { return d.producers.Run(askingCtx) })
	leaving := false
	outer.Go(func() error {
		select {
		case <-askingCtx.Done():
		case <-leave:
			leaving = true
			endAsking()
		}
		return nil
	})
	inner.Go(func() error { return d.link.Run(servingCtx) })
	inner.Go(func() error { defer endAsking(); return d.engine.Run(servingCtx) })
	inner.Go(func() error { return d.marks.Run(servingCtx) })
	outer.Go(func() error {
		select {
		case <-d.programmed:
			debug.FreeOSMemory() // the parser needs a hundred times what stays, and the engine used it once more
		case <-askingCtx.Done():
		}
		return nil
	})

	err := outer.Wait()
	d.log.Info("director is stopping", "leaves_router", leaving)
	if leaving {
		d.engine.Leave()
	} else {
		err = errors.Join(err, d.link.Stop()) // priority 0, addresses released
		d.engine.Resign()
	}
	endServing()
	err = errors.Join(err, inner.Wait()) // the table is left or flushed
	err = errors.Join(err, d.endMarks(leaving))
	d.log.Info("director stopped")
	return err
}

// directorLockPatience is how long a director waits for a predecessor that is dead already: a child that it was just starting has the
// lock, too, until it runs its own program.
const directorLockPatience = 2 * time.Second

// lock makes this the only director of its runtime folder.
func (d *daemon) lock(ctx context.Context) (*os.File, error) {
	lock, err := awaitLock(ctx, runtimeFile(d.socket, "director.lock"), directorLockPatience)
	if errors.Is(err, errHeld) {
		return nil, fmt.Errorf("another director serves %s: stop it, or give this one another --socket, in a folder of its own", d.socket)
	}
	if err != nil {
		return nil, fmt.Errorf("runtime folder: %w", withRights(err, "--socket in a folder of yours"))
	}
	return lock, nil
}

// start does everything that can fail at a start: nothing but an adopted router is left running when it does.
func (d *daemon) start(ctx context.Context, config *conf.Config) (net.Listener, error) {
	d.warnOfMissingInterfaces(config)
	d.warnOfForwarding(config)
	if err := d.build(config); err != nil {
		return nil, err
	}
	listener, err := listenUnix(d.socket)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if err := d.connect(ctx, config); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	d.setMarks(config.Marks)
	d.programmed = d.engine.Configure(config.Services)
	d.adopt(config)
	return listener, nil
}

// build makes what can fail to be made, and starts nothing.
func (d *daemon) build(config *conf.Config) error {
	if needsIPVS(config) {
		if err := d.table.open(); err != nil {
			return err
		}
	}
	var owned ipvs.Owned
	if err := loadJSON(d.ownedFile(), &owned); err != nil {
		d.log.Warn("which IPVS services were ours is not known; those no longer configured stay", "error", err)
	}
	if len(owned.Services) > 0 { // what an earlier director left is to be removed even when nothing is to be balanced any more
		if err := d.table.open(); err != nil {
			d.log.Warn("IPVS services of an earlier director cannot be looked after", "error", err)
		}
	}
	d.link = newRouterLink(runtimeFile(d.socket, "router.sock"), d.routerArgs, d.log)
	d.engine = ipvs.NewEngine(d.table, d.log, ipvs.Options{
		Refresh: config.Global.Refresh, Clean: config.Global.FlushAtStart, Flush: config.Global.FlushOnStop, Owned: owned.Services, OnOwned: d.rememberOwned,
		OnPool: trackServices(d.link.Track),

		Overrides: d.recallOverrides(), OnOverrides: d.rememberOverrides,
		Settings: d.table, Host: d.recallHost(), OnHost: d.rememberHost,
	})
	d.link.OnRole = d.engine.SetRole
	d.marks = mark.NewTable(d.log)
	d.route = newVerdictRoute(d.engine.SetHealth, d.log)
	d.checks = checkers.NewSet(d.route.Report, d.log)
	sessions := sessionNews{tell: func(session string, err error) { d.checks.Tell(bfdSource(session), err) }}
	d.link.OnSession = sessions.hear
	d.producers = newProducers(d.link.Track, d.log)
	return nil
}

// connect finds or starts the router and tells it what is wanted. What a router of ours cannot do ends the start; one that was
// there before is not stopped for it.
func (d *daemon) connect(ctx context.Context, config *conf.Config) error {
	adopted, err := d.link.Connect(ctx, wantedOfRouter(config))
	if adopted {
		d.seed()
	}
	if err == nil {
		return nil
	}
	if adopted {
		d.log.Error("the router process could not do all that is wanted", "error", err)
		return nil
	}
	return errors.Join(err, d.link.Stop())
}

// seed takes over what the running router knows of tracked sources.
func (d *daemon) seed() {
	status, err := d.link.Status()
	if err != nil {
		d.log.Warn("what the running router process tracks is not known", "error", err)
	}
	d.producers.seed(status.Tracked)
	if err == nil {
		warnOfSkew(d.log, status.Version)
	}
}

func wantedOfRouter(c *conf.Config) routerConfig {
	return routerConfig{RTPriority: c.Global.RTPriority, LockMemory: c.Global.LockMemory, StateFolder: c.Global.StateFolder,
		Routers: c.Routers, Groups: c.Groups, Static: c.Static, BFD: c.BFD, Startup: c.Global.Startup, Surroundings: c.Track.Surroundings}
}

// adopt makes config the current one of everything in this process. Nothing in it can fail.
func (d *daemon) adopt(config *conf.Config) {
	d.mu.Lock()
	d.config, d.loadedAt = config, time.Now()
	d.loads++
	d.mu.Unlock()
	d.engine.SetRefresh(config.Global.Refresh)
	d.engine.SetFlush(config.Global.FlushOnStop)
	d.engine.SetPanic(config.Global.Panic)
	d.engine.SetHost(hostConfig(config, ownAddresses()))
	d.route.Configure(config)
	checks := make([]checkers.Config, len(config.Checks))
	for i, c := range config.Checks {
		checks[i] = c.Config
	}
	d.checks.Configure(checks)
	d.producers.Configure(config.Track)
}

func (d *daemon) reloadOnHangup(ctx context.Context, hangup <-chan os.Signal) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hangup:
			_, _ = d.reload(ctx) // it has logged what came of it
		}
	}
}

// errKept marks a reload that changed nothing.
var errKept = errors.New("the running configuration stays")

// reload reads the files again and logs what comes of it. Complaints are the diagnostics, warnings included, for whoever asked.
func (d *daemon) reload(ctx context.Context) (complaints string, err error) {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	if ctx.Err() != nil { // it waited for another one, and then came the end
		return "", fmt.Errorf("the director is stopping; %w", errKept)
	}
	config, complaints, err := d.tryReload()
	switch {
	case errors.Is(err, errKept):
		d.log.Error("reload refused, nothing was changed", "error", err, "diagnostics", complaints)
	case err != nil:
		d.log.Error("configuration reloaded, but not all of it is in force", "error", err)
	default:
		d.log.Info("configuration reloaded", "config", d.source.path, "vrrp_instances", len(config.Routers),
			"virtual_servers", len(config.Services), "checks", len(config.Checks))
	}
	return complaints, err
}

const (
	// headStart is how long a reload waits for the IPVS engine before it turns to the rest.
	headStart = 100 * time.Millisecond
	// reloadPatience is how long it waits for the engine before it ends all the same.
	reloadPatience = 10 * time.Second
)

// await returns when done is closed, at the latest after limit.
func await(done <-chan struct{}, limit time.Duration) {
	select {
	case <-done:
	case <-time.After(limit):
	}
}

// tryReload refuses everything that can be refused before anything changes.
func (d *daemon) tryReload() (config *conf.Config, complaints string, err error) {
	began := time.Now()
	config, complaints, err = d.source.load()
	defer debug.FreeOSMemory() // as after the start
	if err != nil {
		return nil, complaints, fmt.Errorf("%w; %w", err, errKept)
	}
	d.log.Info("configuration read", "config", d.source.path, "took", time.Since(began).Round(time.Millisecond))
	if needsIPVS(config) {
		if err := d.table.open(); err != nil {
			return nil, complaints, fmt.Errorf("%w; %w", err, errKept)
		}
	}
	d.setMarks(config.Marks)
	// First: its changes need wait neither for the list of interfaces nor for the router's answer, and on one CPU they would take turns.
	programmed := d.engine.Configure(config.Services)
	await(programmed, headStart)
	complaints += d.warnOfMissingInterfaces(config) + d.warnOfForwarding(config)
	err = d.link.Apply(wantedOfRouter(config))
	d.adopt(config)
	await(programmed, reloadPatience)
	if err != nil {
		return config, complaints, fmt.Errorf("the new configuration is in force, but: %w", err)
	}
	return config, complaints, nil
}

// ownedFile lists the services that this director made, so that the next one can tell them from other people's.
func (d *daemon) ownedFile() string { return runtimeFile(d.socket, "ipvs-services.json") }

func (d *daemon) rememberOwned(keys []ipvs.Key) {
	if err := saveJSON(d.ownedFile(), ipvs.Owned{Services: keys}); err != nil {
		d.log.Warn("cannot remember which IPVS services are ours", "error", err)
	}
}
