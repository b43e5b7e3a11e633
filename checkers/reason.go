package checkers

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
)

// why returns err as a person wants to read it: what happened, without the layers of the library that it came through. When the
// probe ran out of time it is the cause in ctx, which tells how long that was.
func why(ctx context.Context, err error) error {
	if expired(ctx, err) {
		return context.Cause(ctx)
	}
	var (
		cert  *tls.CertificateVerificationError
		errno syscall.Errno
	)
	switch {
	case errors.As(err, &cert):
		return untrusted(cert.Err)
	case errors.As(err, &errno):
		return errno
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errClosed
	}
	return plain(err)
}

var errClosed = errors.New("the server closed the connection before the end of its answer")

// expired reports whether err is there because the probe's time is over. The socket's own deadline may pass some microseconds
// before that of ctx; then it waits for ctx, so that there is a cause.
func expired(ctx context.Context, err error) bool {
	var netErr net.Error
	if errors.As(err, &netErr) && netErr.Timeout() {
		if end, ok := ctx.Deadline(); ok && !time.Now().Before(end) {
			<-ctx.Done()
		}
	}
	return ctx.Err() != nil
}

func untrusted(err error) error {
	return errors.New("certificate not trusted: " + strings.TrimPrefix(err.Error(), "x509: "))
}

// plain drops the names of packages, and the "dial tcp" and addresses of net.OpError, from the front of err.
func plain(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	who := ""
	if op != nil && op.Op == "remote error" { // how crypto/tls passes on an alert
		who = "the server refused: "
	}
	text := err.Error()
	for _, prefix := range []string{"http: ", "tls: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return errors.New(who + text)
}
