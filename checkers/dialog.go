package checkers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"
)

// maxAnswer is how much of a server's answers a probe reads, in bytes, and of what it says in the handshake of TLS.
const maxAnswer = 64 << 10

// A meter is a connection from which only so much may be read. It lies under TLS, so that it counts all that a server sends. Libraries
// read from goroutines of their own.
type meter struct {
	net.Conn
	left atomic.Int64 // bytes
}

func newMeter(conn net.Conn, limit int64) *meter {
	m := &meter{Conn: conn}
	m.left.Store(limit)
	return m
}

var errTooLong = errors.New("the answer is too long")

// Read reads what is left, and then returns errTooLong.
func (m *meter) Read(p []byte) (int, error) {
	left := m.left.Load()
	if left <= 0 {
		return 0, errTooLong
	}
	n, err := m.Conn.Read(p[:min(int64(len(p)), left)])
	m.left.Add(int64(-n))
	return n, err
}

// why is the function of that name for what was read from m: an answer that was cut makes no sense, but that is not its fault.
func (m *meter) why(ctx context.Context, err error) error {
	if m.left.Load() <= 0 {
		return errTooLong
	}
	return why(ctx, err)
}

// A dialog is a conversation with a server over one connection, which ends at the probe's deadline. All that it reads passes the
// meter.
type dialog struct {
	net.Conn // what is spoken over: the meter, or TLS on it
	ctx      context.Context
	wire     *meter
	in       *bufio.Reader
	stop     func() bool
}

// dial connects to t, and secures the connection unless sec is nil.
func dial(ctx context.Context, t Target, sec *TLS) (*dialog, error) {
	tcp, err := t.connect(ctx)
	if err != nil {
		return nil, err
	}
	d := converse(ctx, tcp)
	if sec == nil {
		return d, nil
	}
	if err := d.secure(*sec); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// converse makes a dialog of a connection.
func converse(ctx context.Context, conn net.Conn) *dialog {
	d := &dialog{ctx: ctx, wire: newMeter(conn, maxAnswer)}
	d.stop = context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // ends whatever Read or Write waits
	d.Conn = d.wire
	d.in = bufio.NewReader(d)
	return d
}

// secure makes TLS of the connection. What the server said before it in plain text and was not read is an error: it could be anybody's.
func (d *dialog) secure(t TLS) error {
	if d.in.Buffered() > 0 {
		return errors.New("the server said more before TLS than it was asked")
	}
	d.wire.left.Store(maxAnswer)
	conn, err := t.client(d.ctx, d.wire)
	if err != nil {
		if d.wire.left.Load() <= 0 {
			return fmt.Errorf("TLS with %s: %w", d.wire.RemoteAddr(), errTooLong)
		}
		return err
	}
	d.wire.left.Store(maxAnswer)
	d.Conn = conn
	d.in.Reset(d)
	return nil
}

func (d *dialog) close() {
	d.stop()
	_ = d.wire.Close()
}

// why tells why reading or writing failed.
func (d *dialog) why(err error) error { return d.wire.why(d.ctx, err) }

// send writes text; what names it in errors.
func (d *dialog) send(what, text string) error {
	if _, err := d.Write([]byte(text)); err != nil {
		return fmt.Errorf("send %s: %w", what, d.why(err))
	}
	return nil
}

// line returns the next line without its end; what names it in errors.
func (d *dialog) line(what string) (string, error) {
	line, err := d.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", fmt.Errorf("read %s: the line is longer than %d bytes", what, d.in.Size())
	case err != nil:
		return "", fmt.Errorf("read %s: %w", what, d.why(err))
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

// quoted returns what a server said as a person can read it, and not more than a line of it.
func quoted(text string) string {
	const most = 80
	if len(text) > most {
		return fmt.Sprintf("%q…", text[:most])
	}
	return fmt.Sprintf("%q", text)
}
