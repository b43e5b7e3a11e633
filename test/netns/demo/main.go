// Command demo shows what govrrpd is for, on a kernel with IPVS and with real traffic: two directors elect the owner of an
// address, balance requests over three servers, drop a dead one, survive a cable pull, and hand back. `make demo` runs it.
// The last line is "demo: PASS", or "demo: FAIL: " and why; the exit status is 0 or 1.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// timeLimit is what the whole demo may take.
const timeLimit = 2 * time.Minute

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), timeLimit)
	defer cancel()
	overdue := time.AfterFunc(timeLimit, func() {
		fmt.Printf("demo: FAIL: not done after %s\n", timeLimit)
		os.Exit(1)
	})
	r := &report{w: os.Stdout, ctx: ctx, start: time.Now()}
	why := r.run(play)
	overdue.Stop()
	if why != "" {
		fmt.Printf("\ndemo: FAIL: %s\n", strings.ReplaceAll(why, "\n", " · "))
		os.Exit(1)
	}
	fmt.Printf("\n%.1f seconds.\ndemo: PASS\n", time.Since(r.start).Seconds())
}
