package checkers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
)

var errNoHTTP2 = errors.New("the server does not speak HTTP/2")

// roundTrip2 sends req over HTTP/2 on a connection of its own, with TLS as the server offers it there, and otherwise at once ("prior
// knowledge"). The trailer is what the server says after the page.
func roundTrip2(ctx context.Context, t Target, sec *TLS, req *http.Request) (p page, trailer http.Header, err error) {
	d, err := dial(ctx, t, nil)
	if err != nil {
		return page{}, nil, err
	}
	defer d.close()
	conn, err := d.secure2(sec)
	if err != nil {
		return page{}, nil, err
	}
	d.wire.left.Store(maxHeader + maxBodyWire)
	transport := transport2(conn, sec != nil)
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return page{}, nil, fmt.Errorf("read header: %w", d.why(err))
	}
	defer res.Body.Close()
	traceOf(ctx).phase("first byte")
	p, err = readPage(res, d.why)
	return p, res.Trailer, err
}

// secure2 returns what to speak HTTP/2 over.
func (d *dialog) secure2(sec *TLS) (net.Conn, error) {
	if sec == nil {
		return d.wire, nil
	}
	conn, err := sec.client(d.ctx, d.wire, "h2")
	if err != nil {
		if strings.Contains(err.Error(), "no application protocol") { // the alert has no type of its own
			err = errNoHTTP2
		}
		return nil, err
	}
	if conn.ConnectionState().NegotiatedProtocol != "h2" {
		return nil, errNoHTTP2
	}
	return conn, nil
}

// transport2 returns what speaks HTTP/2 over conn.
func transport2(conn net.Conn, secure bool) *http.Transport {
	give := func(context.Context, string, string) (net.Conn, error) { return conn, nil }
	protocols := new(http.Protocols)
	protocols.SetHTTP2(secure)
	protocols.SetUnencryptedHTTP2(!secure)
	return &http.Transport{
		DialContext: give, DialTLSContext: give, Protocols: protocols,
		DisableCompression: true, MaxResponseHeaderBytes: maxHeader,
	}
}
