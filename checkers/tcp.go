package checkers

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// TCP asks whether a server accepts a connection, and may say something and judge the answer. Without that it connects and closes at
// once.
//
// The close is an orderly one (FIN), not a reset. A reset would spare this side its TIME_WAIT, but servers log a reset as an
// error, every interval, for ever. TIME_WAIT costs about 300 bytes of kernel memory for a minute, and no port that another
// destination could not use as well.
type TCP struct {
	Target
	TLS    *TLS   // nil: plain
	Send   string // what to say; empty: nothing
	Expect Expect // what the first 64 KiB of the answer must have; read until it has
}

// Validate returns everything that is wrong with c, joined.
func (c TCP) Validate() error {
	return errors.Join(c.Target.Validate(), validateTLS(c.TLS), c.Expect.Validate())
}

// Check connects, speaks and listens.
func (c TCP) Check(ctx context.Context) error {
	if c.TLS == nil && c.Send == "" && c.Expect.empty() {
		return c.reach(ctx)
	}
	d, err := dial(ctx, c.Target, c.TLS)
	if err != nil {
		return err
	}
	defer d.close()
	if c.Send != "" {
		if err := d.send("text", c.Send); err != nil {
			return err
		}
	}
	return c.listen(d)
}

// maxPieces is in how many pieces an answer may come: each is judged with all before it, which a server must not make us do for each byte.
const maxPieces = 256

// listen reads until the answer has what it must have.
func (c TCP) listen(d *dialog) error {
	if c.Expect.empty() {
		return nil
	}
	got := make([]byte, 0, 512)
	for range maxPieces {
		n, err := d.Read(got[len(got):cap(got)])
		if n > 0 && len(got) == 0 {
			traceOf(d.ctx).phase("first byte")
		}
		got = got[:len(got)+n]
		final, wrong := c.Expect.judge(got)
		if wrong == nil || n > 0 && final {
			return wrong
		}
		if err != nil {
			return c.ended(d, got, err, wrong)
		}
		if len(got) == cap(got) {
			got = append(got, 0)[:len(got)]
		}
	}
	return fmt.Errorf("the answer comes in more than %d pieces", maxPieces)
}

// ended tells why an answer that is not right came to an end.
func (c TCP) ended(d *dialog, got []byte, err, wrong error) error {
	switch reason := d.why(err); {
	case len(got) == 0:
		return fmt.Errorf("read answer: %w", reason)
	case errors.Is(err, io.EOF):
		return wrong
	default:
		return fmt.Errorf("%w (%w)", wrong, reason)
	}
}
