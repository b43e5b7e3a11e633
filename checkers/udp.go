package checkers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// maxDatagram is how much of a datagram is read, in bytes.
const maxDatagram = 4 << 10

// UDP sends a datagram. With an expectation it wants an answer that has it. Without, no answer is a good answer: the server is well
// unless its host says that nobody listens there.
type UDP struct {
	Target
	Send   string
	Reply  bool   // an answer must come, whatever it is
	Expect Expect // what an answer must have
}

// Validate returns everything that is wrong with c, joined.
func (c UDP) Validate() error { return errors.Join(c.Target.Validate(), c.Expect.Validate()) }

// Check sends and listens.
func (c UDP) Check(ctx context.Context) error {
	conn, err := c.connectUDP(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if !c.Reply && c.Expect.empty() {
		return c.unrefused(ctx, conn)
	}
	return inquire(ctx, conn, []byte(c.Send), func(answer []byte) (bool, error) {
		_, err := c.Expect.judge(answer)
		return true, err
	})
}

// unrefused waits for half of the time that the probe has for its host to say that nobody listens.
func (c UDP) unrefused(ctx context.Context, conn *net.UDPConn) error {
	readUntil(ctx, conn, partOf(ctx, 2))
	if _, err := conn.Write([]byte(c.Send)); err != nil {
		return fmt.Errorf("send: %w", why(ctx, err))
	}
	_, err := conn.Read(make([]byte, 1))
	var late net.Error
	if err == nil || errors.As(err, &late) && late.Timeout() && ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", c.Addr, why(ctx, err))
}

// inquire sends a question over a socket that hears one server, and again when no answer comes in a third of the time. judge gets
// each datagram, and says whether it is an answer, and a good one.
func inquire(ctx context.Context, conn *net.UDPConn, question []byte, judge func([]byte) (bool, error)) error {
	again := partOf(ctx, 3)
	buf := make([]byte, maxDatagram)
	for {
		if _, err := conn.Write(question); err != nil {
			return fmt.Errorf("send to %s: %w", conn.RemoteAddr(), why(ctx, err))
		}
		readUntil(ctx, conn, again)
		for {
			n, err := conn.Read(buf)
			var late net.Error
			if errors.As(err, &late) && late.Timeout() && ctx.Err() == nil && !again.IsZero() {
				break
			}
			if err != nil {
				return fmt.Errorf("answer of %s: %w", conn.RemoteAddr(), why(ctx, err))
			}
			if done, err := judge(buf[:n]); done {
				traceOf(ctx).phase("answer")
				return err
			}
		}
		again = time.Time{}
	}
}

// partOf returns when one n-th of the time that ctx has is over, or the zero time when it has no end.
func partOf(ctx context.Context, n int) time.Time {
	end, ok := ctx.Deadline()
	if !ok {
		return time.Time{}
	}
	return time.Now().Add(time.Until(end) / time.Duration(n))
}

// readUntil sets the deadline of reading, but not when ctx has ended: then it stays in the past, where the end of ctx puts it.
func readUntil(ctx context.Context, conn net.Conn, t time.Time) {
	_ = conn.SetReadDeadline(t)
	if ctx.Err() != nil {
		_ = conn.SetReadDeadline(time.Unix(1, 0))
	}
}
