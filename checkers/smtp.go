package checkers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/smtp"
	"net/textproto"
	"strings"
)

// SMTP asks a mail server for its greeting and says HELO, and perhaps STARTTLS.
type SMTP struct {
	Target
	TLS   *TLS   // nil: plain
	Start bool   // TLS begins with STARTTLS, and not with the connection
	Helo  string // the name to say; empty: "govrrpd.localdomain"
}

// Validate returns everything that is wrong with c, joined.
func (c SMTP) Validate() error {
	errs := []error{c.Target.Validate(), validateTLS(c.TLS)}
	if strings.ContainsFunc(c.Helo, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		errs = append(errs, fmt.Errorf("helo %q is not a name: want, for example, lb1.example.net", c.Helo))
	}
	return errors.Join(append(errs, validateStart(c.TLS, c.Start))...)
}

// Check speaks with the server.
func (c SMTP) Check(ctx context.Context) error {
	d, err := dial(ctx, c.Target, early(c.TLS, c.Start))
	if err != nil {
		return err
	}
	defer d.close()
	client, err := smtp.NewClient(d, "")
	if err != nil {
		return fmt.Errorf("greeting: %w", d.said(err))
	}
	traceOf(ctx).phase("greeting")
	if err := client.Hello(cmp.Or(c.Helo, "govrrpd.localdomain")); err != nil {
		return fmt.Errorf("HELO: %w", d.said(err))
	}
	if c.Start {
		if err := c.startTLS(d, client); err != nil {
			return err
		}
	}
	if err := client.Quit(); err != nil {
		return fmt.Errorf("QUIT: %w", d.said(err))
	}
	return nil
}

func (c SMTP) startTLS(d *dialog, client *smtp.Client) error {
	if ok, _ := client.Extension("STARTTLS"); !ok {
		return errors.New("the server has no STARTTLS")
	}
	config, err := c.TLS.config(d.RemoteAddr())
	if err != nil {
		return err
	}
	d.wire.left.Store(maxAnswer)
	if err := client.StartTLS(config); err != nil {
		return fmt.Errorf("STARTTLS: %w", d.said(err))
	}
	traceOf(d.ctx).phase("tls")
	if state, ok := client.TLSConnectionState(); ok {
		c.TLS.expiry(d.ctx, state.PeerCertificates)
	}
	return nil
}

// said returns err as a person wants to read it, when it may be the server's own words.
func (d *dialog) said(err error) error {
	var own *textproto.Error
	if errors.As(err, &own) {
		return fmt.Errorf("the server says %d %s", own.Code, quoted(own.Msg))
	}
	return d.why(err)
}
