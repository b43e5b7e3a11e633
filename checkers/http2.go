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

// fetch2 sends req over HTTP/2, with TLS as the server offers it there, and otherwise at once ("prior knowledge").
func (c HTTP) fetch2(ctx context.Context, req *http.Request) (page, error) {
	res, d, end, err := roundTrip2(ctx, c.Target, c.security(), req)
	if err != nil {
		return page{}, err
	}
	defer end()
	return readPage(res, d.why)
}

// roundTrip2 sends req over HTTP/2 on a connection of its own; end closes that.
func roundTrip2(ctx context.Context, t Target, sec *TLS, req *http.Request) (res *http.Response, d *dialog, end func(), err error) {
	d, err = dial(ctx, t, nil)
	if err != nil {
		return nil, nil, nil, err
	}
	d.wire.left = maxAnswer
	conn := net.Conn(d.wire)
	if sec != nil {
		secure, err := sec.client(ctx, d.wire, "h2")
		if err != nil {
			d.close()
			if strings.Contains(err.Error(), "no application protocol") { // the alert has no type of its own
				err = errNoHTTP2
			}
			return nil, nil, nil, err
		}
		if got := secure.ConnectionState().NegotiatedProtocol; got != "h2" {
			d.close()
			return nil, nil, nil, errNoHTTP2
		}
		conn = secure
	}
	d.wire.left = maxHeader + maxBodyWire
	transport := transport2(conn, sec != nil)
	end = func() {
		transport.CloseIdleConnections()
		d.close()
	}
	res, err = transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		end()
		return nil, nil, nil, fmt.Errorf("read header: %w", d.why(err))
	}
	traceOf(ctx).phase("first byte")
	return res, d, end, nil
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
