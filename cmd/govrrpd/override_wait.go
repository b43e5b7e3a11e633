package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/ipvs/pool"
)

const (
	// waitEvery is how often drain --wait asks: as often as the director looks.
	waitEvery = time.Second
	// waitPatience is how long drain --wait bears a director that does not answer, since it may be restarted.
	waitPatience = time.Minute
)

// errCut says that a drain was ended by its deadline. Its exit status is exitDeadline.
var errCut = errors.New("its deadline has ended the drain")

// wait returns when the server has drained, and prints how it goes whenever that changes.
func (o *overrideCall) wait(ctx context.Context, out io.Writer) error {
	tick := time.NewTicker(waitEvery)
	defer tick.Stop()
	last, heard := ipvs.ServerReport{ActiveConns: -1}, time.Now()
	for {
		is, err := o.ask(ctx, http.MethodGet, o.path())
		switch {
		case err == nil:
			heard = time.Now()
			if done, err := o.drained(is); done {
				if err == nil {
					fmt.Fprintf(out, "%s of %s has drained\n", is.Server, is.Service)
				}
				return err
			}
			if is.ActiveConns != last.ActiveConns || is.InactiveConns != last.InactiveConns {
				fmt.Fprintf(out, "%s of %s drains: %s\n", is.Server, is.Service, left(is, time.Now()))
			}
			last = is
		case time.Since(heard) > waitPatience:
			return fmt.Errorf("whether the drain has ended is not known: %w", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// drained reports whether there is nothing to wait for any more, and what went wrong.
func (o *overrideCall) drained(is ipvs.ServerReport) (done bool, err error) {
	said := is.Override
	switch {
	case said == nil || said.Kind == pool.None:
		return true, fmt.Errorf("the drain of %s of %s was taken back", is.Server, is.Service)
	case said.Kind == pool.Disable:
		return true, fmt.Errorf("%s of %s was disabled by %s meanwhile", is.Server, is.Service, said.By.Who)
	case said.Drains():
		return false, nil
	case !is.Applied && is.Error != "":
		return true, fmt.Errorf("%s of %s has drained, but the kernel refuses a change: %s", is.Server, is.Service, is.Error)
	case !is.Applied:
		return false, nil // it is about to leave the table
	case said.Cut:
		return true, fmt.Errorf("%s of %s still had connections: %w", is.Server, is.Service, errCut)
	}
	return true, nil
}
