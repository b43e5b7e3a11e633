package checkers

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// drip writes text, then one byte every few milliseconds until the probe goes away.
func drip(text string) func(net.Conn) {
	return func(conn net.Conn) {
		readRequest(conn)
		io.WriteString(conn, text)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if _, err := io.WriteString(conn, "x"); err != nil {
				return
			}
		}
	}
}

// flood writes text once and then more without end.
func flood(text, more string) func(net.Conn) {
	return func(conn net.Conn) {
		readRequest(conn)
		io.WriteString(conn, text)
		block := strings.Repeat(more, 1+4096/len(more))
		for {
			if _, err := io.WriteString(conn, block); err != nil {
				return
			}
		}
	}
}

// reply writes text and closes.
func reply(text string) func(net.Conn) {
	return func(conn net.Conn) {
		readRequest(conn)
		io.WriteString(conn, text)
	}
}

// trusting is TLS that trusts anybody, or none.
func trusting(on bool) *TLS {
	if !on {
		return nil
	}
	return &TLS{SkipVerify: true}
}

func readRequest(conn net.Conn) { conn.Read(make([]byte, 4096)) }

func reset(conn net.Conn) {
	readRequest(conn)
	conn.(*net.TCPConn).SetLinger(0)
}

func silent(conn net.Conn) { io.Copy(io.Discard, conn) }

func TestHTTPSurvivesHostileServers(t *testing.T) {
	const late = "no answer within 300ms"
	const head = "HTTP/1.1 200 OK\r\n"
	record := func(start string) string {
		return "\x16\x03\x03\x10\x00" + start + strings.Repeat("x", 4096-len(start))
	}
	tests := []struct {
		name   string
		server func(net.Conn)
		tls    bool
		want   string // with "ADDR" for the address
	}{
		{"silence", silent, false, "read header: " + late},
		{"silence in the handshake", silent, true, "TLS with ADDR: " + late},
		{"closes at once", func(net.Conn) {}, false, "…"},
		{"closes after the request", reply(""), false, "read header: the server closed the connection before the end of its answer"},
		{"closes in the handshake", reply(""), true, "TLS with ADDR: the server closed the connection before the end of its answer"},
		{"resets", reset, false, "read header: connection reset by peer"},
		{"not HTTP", reply("220 mail.example.net ESMTP\r\n"), false, `read header: malformed HTTP status code "mail.example.net"`},
		{"not TLS", flood("", "garbage"), true, "TLS with ADDR: first record does not look like a TLS handshake"},
		{"handshake without end", flood("", "\x16\x03\x03\x00\x04\x00\x00\x00\x00"), true, "TLS with ADDR: …"},
		{"a handshake message of 64 KiB", flood(record("\x02\x01\x00\x00"), record("")), true, "TLS with ADDR: the answer is too long"},
		{"header drips", drip(head + "X: "), false, "read header: " + late},
		{"header line without end", flood(head+"X: ", "x"), false, "read header: the answer is too long"},
		{"header lines without end", flood(head, "X: y\r\n"), false, "read header: the answer is too long"},
		{"status line without end", flood("HTTP/1.1 200 ", "O"), false, "read header: the answer is too long"},
		{"interim answers without end", flood("", "HTTP/1.1 100 Continue\r\n\r\n"), false, "read header: more than 5 interim answers"},
		{"body drips", drip(head + "Content-Length: 100000\r\n\r\n"), false, "read body: " + late},
		{"body without end is cut", flood(head+"\r\n", "x"), false, ""},
		{"body that does not come", stall(head + "Content-Length: 10\r\n\r\n"), false, "read body: " + late},
		{"body shorter than promised", reply(head + "Content-Length: 100\r\n\r\nx"), false, "read body: the server closed the connection before the end of its answer"},
		{"chunks of one byte without end", flood(head+"Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"), false, "read body: …"},
		{"bad chunks", reply(head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"), false, "read body: …"},
		{"two lengths", reply(head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx"), false, "read header: …"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			addr := serve(t, tt.server)
			err := probeFor(t, HTTP{Target: at(addr), TLS: trusting(tt.tls)}, 300*time.Millisecond)
			wantError(t, err, strings.ReplaceAll(tt.want, "ADDR", addr.String()))
			if tt.want == "…" && err == nil {
				t.Error("the probe was a success")
			}
		})
	}
}

// stall writes text and waits for the probe to go away.
func stall(text string) func(net.Conn) {
	return func(conn net.Conn) {
		readRequest(conn)
		io.WriteString(conn, text)
		silent(conn)
	}
}

func TestMeterEndsAtItsLimit(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	go func() {
		defer there.Close()
		flood("", "x")(there)
	}()
	go here.Write([]byte("request"))
	m := newMeter(here, 10000)
	n, err := io.Copy(io.Discard, m)
	if n != 10000 || err != errTooLong {
		t.Errorf("read %d bytes and %v, want 10000 and %v", n, err, errTooLong)
	}
}

// A tape is a connection that plays bytes.
type tape struct {
	net.Conn
	io.Reader
}

func (t tape) Read(p []byte) (int, error) { return t.Reader.Read(p) }

// FuzzHTTPAnswer holds that no answer crashes the probe, makes it read past its limits, or is a success without a good status.
func FuzzHTTPAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"))
	f.Add([]byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 503 No\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nOK\r\n0\r\nTrailer: x\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 204\r\n\r\n"))
	c := HTTP{Target: at(netip.MustParseAddrPort("10.0.0.11:80")), Page: Page{Contains: "OK"}}
	f.Fuzz(func(t *testing.T, answer []byte) {
		req, err := c.request("/")
		if err != nil {
			t.Fatal(err)
		}
		in := bytes.NewReader(answer)
		d := converse(context.Background(), tape{Reader: in})
		defer d.stop()
		p, err := c.read(d, req)
		if err == nil {
			err = c.Page.judge(p)
		}
		if read := len(answer) - in.Len(); read > maxHeader+maxBodyWire {
			t.Errorf("read %d bytes", read)
		}
		if err == nil && (!bytes.Contains(answer, []byte(" 2")) || !bytes.Contains(answer, []byte("O"))) {
			t.Errorf("%q is a success", answer)
		}
	})
}
