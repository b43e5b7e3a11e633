package checkers

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

// SIP asks a telephony server for its OPTIONS, over UDP or TCP, and wants a status of 200 to 299.
type SIP struct {
	Target
	TCP  bool   // over TCP; TLS needs it
	TLS  *TLS   // nil: plain
	URI  string // whom to ask; empty: sip:ping@ and the address
	From string // who asks; empty: sip:govrrpd@ and our own address
}

// Validate returns everything that is wrong with c, joined.
func (c SIP) Validate() error {
	errs := []error{c.Target.Validate(), validateTLS(c.TLS)}
	if c.TLS != nil && !c.TCP {
		errs = append(errs, errors.New("TLS is for SIP over TCP"))
	}
	for _, uri := range []string{c.URI, c.From} {
		if strings.ContainsFunc(uri, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '<' || r == '>' }) {
			errs = append(errs, fmt.Errorf("%q is no URI of SIP: want, for example, sip:ping@example.net", uri))
		}
	}
	return errors.Join(errs...)
}

// Check speaks with the server.
func (c SIP) Check(ctx context.Context) error {
	if !c.TCP {
		return c.checkUDP(ctx)
	}
	d, err := dial(ctx, c.Target, c.TLS)
	if err != nil {
		return err
	}
	defer d.close()
	way := "TCP"
	if c.TLS != nil {
		way = "TLS"
	}
	id := rand.Uint64()
	if err := d.send("OPTIONS", c.request(way, d.LocalAddr(), id)); err != nil {
		return err
	}
	for {
		done, err := c.answer(newText(d), id)
		switch {
		case err != nil && errors.As(err, new(readError)):
			return fmt.Errorf("read answer: %w", d.why(err))
		case done:
			return err
		}
	}
}

// newText returns what reads the lines of a dialog.
func newText(d *dialog) *textproto.Reader { return textproto.NewReader(d.in) }

func (c SIP) checkUDP(ctx context.Context) error {
	conn, err := c.connectUDP(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	id := rand.Uint64()
	return inquire(ctx, conn, []byte(c.request("UDP", conn.LocalAddr(), id)), func(p []byte) (bool, error) {
		return c.answer(textproto.NewReader(bufio.NewReader(bytes.NewReader(p))), id)
	})
}

// request is OPTIONS, RFC 3261 section 11.
func (c SIP) request(way string, local net.Addr, id uint64) string {
	uri, from := c.URI, c.From
	if uri == "" {
		uri = "sip:ping@" + c.Addr.String()
	}
	if from == "" {
		from = "sip:govrrpd@" + local.String()
	}
	return strings.Join([]string{
		"OPTIONS " + uri + " SIP/2.0",
		fmt.Sprintf("Via: SIP/2.0/%s %s;branch=z9hG4bK%016x;rport", way, local, id),
		fmt.Sprintf("From: <%s>;tag=%08x", from, uint32(id)),
		"To: <" + uri + ">",
		fmt.Sprintf("Call-ID: %016x@govrrpd", id),
		"CSeq: 1 OPTIONS",
		"Contact: <" + from + ">",
		"Max-Forwards: 70",
		"Accept: application/sdp",
		"Content-Length: 0",
		"", "",
	}, "\r\n")
}

// answer reads one answer and judges it. Not done means that it is a provisional one, or to somebody else's question.
func (c SIP) answer(r *textproto.Reader, id uint64) (done bool, err error) {
	line, err := r.ReadLine()
	if err != nil {
		return true, readError{err}
	}
	header, err := r.ReadMIMEHeader()
	if err != nil {
		return true, readError{err}
	}
	version, rest, _ := strings.Cut(line, " ")
	code, err := strconv.Atoi(rest[:min(3, len(rest))])
	switch {
	case version != "SIP/2.0" || err != nil:
		return true, fmt.Errorf("%s is no answer of SIP", quoted(line))
	case header.Get("Call-Id") != fmt.Sprintf("%016x@govrrpd", id), code < 200:
		return false, nil
	case code > 299:
		return true, fmt.Errorf("status %s, want 200 to 299", quoted(rest))
	}
	return true, nil
}

// A readError says that an answer did not come whole.
type readError struct{ error }

// Unwrap returns what happened.
func (e readError) Unwrap() error { return e.error }

// Error returns it as a sentence.
func (e readError) Error() string { return "read answer: " + e.error.Error() }
