package checkers

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Lines asks a server that speaks a protocol of lines: it must greet well, and perhaps begin TLS and take a login, and say goodbye.
type Lines struct {
	Target
	Protocol LineProtocol
	TLS      *TLS  // nil: plain
	Start    bool  // TLS begins with a command of the protocol, and not with the connection
	Login    Login // the zero value: none
}

// A Login is a user and a password; both empty: none.
type Login struct{ User, Password string }

// Validate returns an error for what no line can carry.
func (l Login) Validate() error {
	if l.User == "" && l.Password != "" {
		return errors.New("a password needs a user")
	}
	if strings.ContainsAny(l.User+l.Password, "\r\n\x00") {
		return errors.New("user or password has a line end in it")
	}
	return nil
}

// Validate returns everything that is wrong with c, joined.
func (c Lines) Validate() error {
	errs := []error{c.Target.Validate(), validateTLS(c.TLS), validateStart(c.TLS, c.Start), c.Login.Validate()}
	if c.Protocol >= lineProtocols {
		errs = append(errs, fmt.Errorf("there is no %s", c.Protocol))
	}
	return errors.Join(errs...)
}

func validateTLS(t *TLS) error {
	if t == nil {
		return nil
	}
	return t.Validate()
}

func validateStart(t *TLS, start bool) error {
	if start && t == nil {
		return errors.New("to start TLS there must be TLS")
	}
	return nil
}

// early returns what to secure the connection with before anything is said.
func early(t *TLS, start bool) *TLS {
	if start {
		return nil
	}
	return t
}

// Check speaks with the server.
func (c Lines) Check(ctx context.Context) error {
	d, err := dial(ctx, c.Target, early(c.TLS, c.Start))
	if err != nil {
		return err
	}
	defer d.close()
	p := c.Protocol.words()
	if err := p.greeting(d); err != nil {
		return err
	}
	traceOf(ctx).phase("greeting")
	if c.Start {
		if err := p.startTLS(d); err != nil {
			return err
		}
		if err := d.secure(*c.TLS); err != nil {
			return err
		}
	}
	if c.Login.User != "" {
		if err := p.login(d, c.Login); err != nil {
			return err
		}
		traceOf(ctx).phase("login")
	}
	return p.leave(d)
}
