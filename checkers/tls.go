package checkers

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// TLS is how a connection is secured and whom it trusts. The zero value verifies the server's address by the system's authorities.
type TLS struct {
	Name       string // of the server, in its certificate and in SNI; empty: the address
	SkipVerify bool   // accept any certificate
	CAFile     string // PEM file of the authorities to trust, read at each probe; empty: the system's

	// CertFile and KeyFile are the client's certificate and its key, PEM, read at each probe; both or neither.
	CertFile, KeyFile string

	// Expiry warns when the server's certificate, or one that it sends along, ends within it; 0: never.
	Expiry time.Duration
}

// Validate returns everything that contradicts itself.
func (t TLS) Validate() error {
	var errs []error
	if t.SkipVerify && t.CAFile != "" {
		errs = append(errs, errors.New("a CA file and no verification contradict each other: remove one"))
	}
	if (t.CertFile == "") != (t.KeyFile == "") {
		errs = append(errs, errors.New("a certificate of the client needs its key, and the key needs the certificate"))
	}
	return errors.Join(errs...)
}

// config returns what crypto/tls is to do with a server at addr.
func (t TLS) config(addr net.Addr) (*tls.Config, error) {
	roots, err := t.roots()
	if err != nil {
		return nil, err
	}
	c := &tls.Config{ServerName: t.Name, RootCAs: roots, InsecureSkipVerify: t.SkipVerify} // only where the operator asked for it
	if c.ServerName == "" {
		c.ServerName, _, _ = net.SplitHostPort(addr.String())
	}
	if t.CertFile != "" {
		own, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("certificate of the client: %w", err)
		}
		c.Certificates = []tls.Certificate{own}
	}
	return c, nil
}

// roots returns the authorities of CAFile, or nil for the system's.
func (t TLS) roots() (*x509.CertPool, error) {
	if t.CAFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(t.CAFile)
	if err != nil {
		return nil, fmt.Errorf("CA file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("CA file %s: no certificate in it, want PEM", t.CAFile)
	}
	return pool, nil
}

// client returns a connection over conn after the handshake. alpn is the protocols to offer, if any.
func (t TLS) client(ctx context.Context, conn net.Conn, alpn ...string) (*tls.Conn, error) {
	c, err := t.config(conn.RemoteAddr())
	if err != nil {
		return nil, err
	}
	c.NextProtos = alpn
	secure := tls.Client(conn, c)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("TLS with %s: %w", conn.RemoteAddr(), why(ctx, err))
	}
	traceOf(ctx).phase("tls")
	t.expiry(ctx, secure.ConnectionState().PeerCertificates)
	return secure, nil
}

// expiry warns of the certificate that ends first.
func (t TLS) expiry(ctx context.Context, certs []*x509.Certificate) {
	if t.Expiry == 0 || len(certs) == 0 {
		return
	}
	first := certs[0]
	for _, c := range certs[1:] {
		if c.NotAfter.Before(first.NotAfter) {
			first = c
		}
	}
	left := time.Until(first.NotAfter)
	name := cmp.Or(first.Subject.CommonName, "the server")
	switch {
	case left > t.Expiry:
	case left < 0:
		traceOf(ctx).warn(fmt.Sprintf("the certificate of %s expired at %s", name, first.NotAfter.UTC().Format(time.RFC3339)))
	default:
		traceOf(ctx).warn(fmt.Sprintf("the certificate of %s expires in %s", name, days(left)))
	}
}

// days returns "3 days", or a shorter time as Go writes it.
func days(d time.Duration) string {
	switch n := int(d / (24 * time.Hour)); {
	case n > 1:
		return fmt.Sprintf("%d days", n)
	case n == 1:
		return "1 day"
	}
	return d.Round(time.Hour).String() // no oftener than it is worth a line in a log
}
