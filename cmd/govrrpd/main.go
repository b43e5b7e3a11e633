// Govrrpd makes Linux machines a highly available layer-4 load balancer: VRRP decides which of them owns the virtual addresses,
// health checks decide which real servers take part, and the kernel's IPVS does the balancing.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// version is stamped in by the Makefile.
var version = "unknown"

const (
	defaultConfig = "/etc/govrrpd"
	defaultSocket = "/run/govrrpd/control.sock"
)

// Exit statuses of every command besides 0, as govrrpd --help says.
const (
	exitFailed = 1
	exitUsage  = 2

	exitDeadline = 3 // of drain --wait
)

// errUsage marks errors in how a command was called.
var errUsage = errors.New("usage")

func main() {
	os.Exit(execute(context.Background(), os.Args[1:]))
}

// execute runs one command and returns its exit status.
func execute(ctx context.Context, args []string) int {
	root := newRoot()
	root.SetArgs(withLongVar(args))
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		complain(os.Stderr, err)
		return exitUsage
	case errors.Is(err, errCut):
		complain(os.Stderr, err)
		return exitDeadline
	}
	complain(os.Stderr, err)
	return exitFailed
}

// complain prints why a command ends. It does not wait for a reader that does not come: a process must not hang in its last word.
func complain(w io.Writer, err error) {
	out := newAsyncWriter(w, func(uint64) {})
	defer out.close()
	fmt.Fprintf(out, "govrrpd: %v\n", err)
}

// withLongVar lets -var be written as HashiCorp's tools have it; one dash is for one-letter flags otherwise.
func withLongVar(args []string) []string {
	out := slices.Clone(args)
	for i, a := range out {
		if a == "-var" || strings.HasPrefix(a, "-var=") {
			out[i] = "-" + a
		}
	}
	return out
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "govrrpd",
		Short: "Highly available layer-4 load balancer director: VRRP, IPVS and health checks in one binary",
		Long: "Highly available layer-4 load balancer director: VRRP, IPVS and health checks in one binary.\n\n" +
			"Every command exits with 0 when all is well, with 1 when what was asked for failed, and with 2 when it was called wrongly.",
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          usageArgs(cobra.NoArgs),
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usagef("%v; see %s --help", err, c.CommandPath()) })
	root.AddCommand(newRunCommand(), newRouterCommand(), newCheckCommand(), newReloadCommand(), newStatusCommand(), newVersionCommand(),
		newFailoverCommand(), newTakeoverCommand(), newAnnounceCommand(), newWhichRealCommand(), newIPVSCommand())
	root.AddCommand(newOverrideCommands()...)
	return root
}

// usageArgs turns a complaint about positional arguments into exit status 2.
func usageArgs(rule cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := rule(c, args); err != nil {
			return usagef("%v; see %s --help", err, c.CommandPath())
		}
		return nil
	}
}

// noArgs refuses positional arguments, and guesses that one to a command with -c was meant for that.
func noArgs(c *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case c.Flags().Lookup("config") != nil:
		return fmt.Errorf("%s takes no argument %q: the configuration is named with -c %s", c.CommandPath(), args[0], args[0])
	}
	return fmt.Errorf("%s takes no argument %q", c.CommandPath(), args[0])
}

func usagef(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errUsage, fmt.Sprintf(format, args...))
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  usageArgs(noArgs),
		Run: func(*cobra.Command, []string) {
			fmt.Printf("govrrpd %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		},
	}
}

// addSocketFlag gives c the flag that names the control socket.
func addSocketFlag(c *cobra.Command, socket *string) {
	c.Flags().StringVar(socket, "socket", defaultSocket, "`path` of the control socket; the router process keeps its own in the same folder")
}

// runtimeFile returns the path of another file in the folder of the control socket, where everything that lives as long as the
// machine is up is kept.
func runtimeFile(socket, name string) string {
	return filepath.Join(filepath.Dir(socket), name)
}
