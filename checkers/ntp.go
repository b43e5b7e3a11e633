package checkers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/beevik/ntp"
)

// NTP asks a time server for the time, and wants one that knows it.
type NTP struct {
	Target
	MaxStratum int           // how far from a clock it may be, 1 to 15; 0: 15
	MaxOffset  time.Duration // how far its time may be from ours; 0: any
}

// Validate returns everything that is wrong with c, joined.
func (c NTP) Validate() error {
	errs := []error{c.Target.Validate()}
	if c.MaxStratum < 0 || c.MaxStratum > 15 {
		errs = append(errs, fmt.Errorf("max_stratum is %d, want 1 to 15", c.MaxStratum))
	}
	if c.MaxOffset < 0 {
		errs = append(errs, fmt.Errorf("max_offset is %s, want more than 0", c.MaxOffset))
	}
	return errors.Join(errs...)
}

// Check asks once.
func (c NTP) Check(ctx context.Context) error {
	options := ntp.QueryOptions{
		Dialer: func(string, string) (net.Conn, error) {
			conn, err := c.connectUDP(ctx)
			if err == nil {
				context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
			}
			return conn, err
		},
	}
	if end, ok := ctx.Deadline(); ok {
		options.Timeout = max(time.Until(end), time.Nanosecond)
	}
	r, err := ntp.QueryWithOptions(c.Addr.String(), options)
	if err != nil {
		return fmt.Errorf("answer of %s: %w", c.Addr, why(ctx, err))
	}
	traceOf(ctx).phase("answer")
	return c.judge(r)
}

// judge tells what is wrong with an answer.
func (c NTP) judge(r *ntp.Response) error {
	if err := r.Validate(); err != nil {
		return fmt.Errorf("the server's time is not to be used: %w", err)
	}
	if c.MaxStratum > 0 && int(r.Stratum) > c.MaxStratum {
		return fmt.Errorf("stratum %d, want at most %d", r.Stratum, c.MaxStratum)
	}
	if off := r.ClockOffset.Abs(); c.MaxOffset > 0 && off > c.MaxOffset {
		return fmt.Errorf("its time is %s from ours, want at most %s", off.Round(time.Millisecond), c.MaxOffset)
	}
	return nil
}
