package checkers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Redis asks a server of Redis's protocol (RESP) for PONG, and perhaps for its role.
type Redis struct {
	Target
	TLS   *TLS   // nil: plain
	Login Login  // the user may be empty: the default one
	Role  string // "master", "slave" or "sentinel"; empty: any
}

// Validate returns everything that is wrong with c, joined.
func (c Redis) Validate() error {
	errs := []error{c.Target.Validate(), validateTLS(c.TLS)}
	switch c.Role {
	case "", "master", "slave", "sentinel":
	default:
		errs = append(errs, fmt.Errorf("role %q is none: want master, slave or sentinel", c.Role))
	}
	return errors.Join(errs...)
}

// Check speaks with the server.
func (c Redis) Check(ctx context.Context) error {
	d, err := dial(ctx, c.Target, c.TLS)
	if err != nil {
		return err
	}
	defer d.close()
	if c.Login.Password != "" {
		words := []string{"AUTH", c.Login.User, c.Login.Password}
		if c.Login.User == "" {
			words = []string{"AUTH", c.Login.Password}
		}
		if _, err := d.redis("AUTH", "OK", words...); err != nil {
			return err
		}
	}
	if _, err := d.redis("PING", "PONG", "PING"); err != nil {
		return err
	}
	traceOf(ctx).phase("first byte")
	if c.Role == "" {
		return nil
	}
	role, err := d.redis("ROLE", "", "ROLE")
	if err == nil && role != c.Role {
		err = fmt.Errorf("the server's role is %s, want %s", quoted(role), c.Role)
	}
	return err
}

// redis gives a command and returns the text of its answer, which is to be want unless that is empty.
func (d *dialog) redis(name, want string, words ...string) (string, error) {
	if err := d.send(name, respCommand(words)); err != nil {
		return "", err
	}
	got, err := d.resp("the answer to " + name)
	if err == nil && want != "" && got != want {
		err = fmt.Errorf("%s: the server says %s, want %s", name, quoted(got), want)
	}
	return got, err
}

// respCommand is words as an array of bulk strings.
func respCommand(words []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
	}
	return b.String()
}

// resp reads a text: a simple or bulk string, or the first of an array. An error of the server's is an error.
func (d *dialog) resp(what string) (string, error) {
	line, err := d.line(what)
	if err != nil {
		return "", err
	}
	kind, rest := line[:min(1, len(line))], line[min(1, len(line)):]
	switch kind {
	case "+":
		return rest, nil
	case "-":
		return "", fmt.Errorf("%s: the server says %s", what, quoted(rest))
	case "*":
		if n, err := strconv.Atoi(rest); err != nil || n < 1 {
			break
		}
		return d.element(what)
	case "$":
		return d.bulk(what, rest)
	}
	return "", fmt.Errorf("%s: %s is not an answer of Redis", what, quoted(line))
}

// element reads the first text of an array.
func (d *dialog) element(what string) (string, error) {
	line, err := d.line(what)
	switch {
	case err != nil:
		return "", err
	case strings.HasPrefix(line, "$"):
		return d.bulk(what, line[1:])
	case strings.HasPrefix(line, "+"):
		return line[1:], nil
	}
	return "", fmt.Errorf("%s: %s is not an answer of Redis", what, quoted(line))
}

// bulk reads a string of a length.
func (d *dialog) bulk(what, length string) (string, error) {
	n, err := strconv.Atoi(length)
	if err != nil || n < 0 || n > maxAnswer {
		return "", fmt.Errorf("%s: a text of length %s", what, quoted(length))
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(d.in, text); err != nil {
		return "", fmt.Errorf("%s: %w", what, d.why(err))
	}
	return string(text), nil
}
