package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/spf13/cobra"
)

func newCheckCommand() *cobra.Command {
	var source configSource
	c := &cobra.Command{
		Use:   "check",
		Short: "Validate the configuration without touching anything",
		Long: "Check reads the configuration as run and reload do, and prints every mistake with its place and what to write instead. It exits\n" +
			"with 0 when it may be loaded, also with warnings, with 1 when not, and with 2 when it was called wrongly.",
		Args: usageArgs(noArgs),
		RunE: func(*cobra.Command, []string) error {
			config, complaints, err := source.load()
			fmt.Fprint(os.Stderr, complaints)
			if err != nil {
				return err
			}
			fmt.Printf("%s is valid: %s, %s, %s\n", source.path, count(len(config.Routers), "vrrp_instance"),
				count(len(config.Services), "virtual_server"), count(len(config.Checks), "check"))
			return nil
		},
	}
	source.add(c)
	return c
}

// count returns "1 check" or "3 checks".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func newReloadCommand() *cobra.Command {
	var socket string
	c := &cobra.Command{
		Use:   "reload",
		Short: "Ask the daemon to load its files again",
		Long: "Reload makes the running director read its configuration again: the path, the --var and the environment are those it was started\n" +
			"with. It exits with 0 when the new configuration is in force. Otherwise it says why, and whether the running one stays.",
		Args: usageArgs(noArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			var result reloadResult
			code, err := askDaemon(c.Context(), reloadDeadline, socket, http.MethodPost, "/api/v1/reload", &result)
			if err != nil {
				return err
			}
			fmt.Fprint(os.Stderr, result.Diagnostics)
			if code != http.StatusOK {
				return errors.New(result.Error)
			}
			fmt.Println("reloaded")
			return nil
		},
	}
	addSocketFlag(c, &socket)
	return c
}
