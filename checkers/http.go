package checkers

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"
)

// What the parts of an answer may cost us, in bytes.
const (
	maxHandshake = 64 << 10
	maxHeader    = 64 << 10
	maxBody      = 64 << 10    // what of it is looked at
	maxBodyWire  = 2 * maxBody // the same with the frames of chunks and of TLS around it
)

// maxInterim is how many interim answers (100 Continue, 103 Early Hints) may come before the real one.
const maxInterim = 5

// HTTP asks a server for a page over HTTP/1.1 and judges the answer: its status, and what its body contains. The whole answer, or
// the first 64 KiB of its body, must arrive in time. Redirects are not followed: a 3xx is judged as the status that it is.
//
// It speaks for itself instead of through http.Transport: one connection for one request needs no pool and no goroutines, and
// everything that a server can make us read passes one limit.
type HTTP struct {
	Addr     netip.AddrPort // where to connect
	TLS      bool           // https
	Host     string         // Host header and, without its port, TLS server name; empty: the address
	Path     string         // with the query, if any; empty: "/"
	Status   []StatusRange  // good statuses; empty: 200-299
	Contains string         // text that the body must contain; empty: any body will do
	Match    string         // regular expression (RE2) that the body must match; empty: any body will do

	InsecureSkipVerify bool   // accept any certificate
	CAFile             string // PEM file of the authorities to trust, read at each probe; empty: the system's
}

// A StatusRange is the HTTP statuses From to To, both included; each 100 to 599.
type StatusRange struct{ From, To int }

// String returns "200-299", or "200" for a range of one.
func (r StatusRange) String() string {
	if r.From == r.To {
		return strconv.Itoa(r.From)
	}
	return fmt.Sprintf("%d-%d", r.From, r.To)
}

// Validate returns everything that is wrong with c, joined.
func (c HTTP) Validate() error {
	errs := []error{validateAddr(c.Addr)}
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if _, err := c.request(); err != nil {
		errs = append(errs, err)
	}
	for _, r := range c.Status {
		if r.From < 100 || r.To > 599 || r.From > r.To {
			bad("status %s is not a range within 100-599: want, for example, 200-299 or 404", r)
		}
	}
	if _, err := regexp.Compile(c.Match); err != nil {
		bad("match is not a regular expression that RE2 knows: %w", err)
	}
	if !c.TLS && (c.InsecureSkipVerify || c.CAFile != "") {
		bad("certificate options are for https: remove them, or make the check https")
	}
	if c.InsecureSkipVerify && c.CAFile != "" {
		bad("a CA file and no verification contradict each other: remove one")
	}
	return errors.Join(errs...)
}

// Check connects, asks, and judges the answer.
func (c HTTP) Check(ctx context.Context) error {
	req, err := c.request()
	if err != nil {
		return err
	}
	tcp, err := connect(ctx, c.Addr)
	if err != nil {
		return err
	}
	defer tcp.Close()
	stop := context.AfterFunc(ctx, func() { _ = tcp.SetDeadline(time.Unix(1, 0)) }) // ends whatever Read or Write waits
	defer stop()
	wire := &meter{Conn: tcp, left: maxHandshake}
	conn, err := c.secure(ctx, wire)
	if err != nil {
		return err
	}
	if err := req.Write(conn); err != nil {
		return fmt.Errorf("send request: %w", why(ctx, err))
	}
	return c.read(ctx, req, wire, conn)
}

// A meter is a connection from which only so much may be read. It lies under TLS, so that it counts all that a server sends.
type meter struct {
	net.Conn
	left int // bytes
}

var errTooLong = errors.New("the answer is too long")

// Read reads what is left, and then returns errTooLong.
func (m *meter) Read(p []byte) (int, error) {
	if m.left <= 0 {
		return 0, errTooLong
	}
	n, err := m.Conn.Read(p[:min(len(p), m.left)])
	m.left -= n
	return n, err
}

// why is the function of that name for what was read from m: an answer that was cut makes no sense, but that is not its fault.
func (m *meter) why(ctx context.Context, err error) error {
	if m.left <= 0 {
		return errTooLong
	}
	return why(ctx, err)
}

// request returns the request to send. Package http refuses what would break the header, such as a line feed in the host.
func (c HTTP) request() (*http.Request, error) {
	path := cmp.Or(c.Path, "/")
	u, err := url.ParseRequestURI(path)
	if err != nil || !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("path %q is not one: want, for example, /healthz", path)
	}
	host := cmp.Or(c.Host, c.authority())
	if strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`/\@?#"<>`, r) }) {
		return nil, fmt.Errorf("host %q is not a name: want, for example, www.example.net", host)
	}
	return &http.Request{
		Method: http.MethodGet,
		URL:    &url.URL{Scheme: "http", Host: host, Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery},
		Header: http.Header{"User-Agent": {userAgent()}, "Accept": {"*/*"}},
		Close:  true,
	}, nil
}

// authority is the address as a browser would put it in the Host header: without the port where it goes without saying.
func (c HTTP) authority() string {
	if usual := map[bool]uint16{false: 80, true: 443}[c.TLS]; c.Addr.Port() != usual {
		return c.Addr.String()
	}
	if c.Addr.Addr().Is6() {
		return "[" + c.Addr.Addr().String() + "]"
	}
	return c.Addr.Addr().String()
}

// userAgent names the program and its version to whoever reads the server's log.
var userAgent = sync.OnceValue(func() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "govrrpd"
	}
	return "govrrpd/" + strings.Trim(info.Main.Version, "()")
})

// secure returns what to speak HTTP over: tcp itself, or TLS on top of it.
func (c HTTP) secure(ctx context.Context, tcp net.Conn) (net.Conn, error) {
	if !c.TLS {
		return tcp, nil
	}
	roots, err := c.roots()
	if err != nil {
		return nil, err
	}
	conn := tls.Client(tcp, &tls.Config{
		ServerName:         c.serverName(),
		RootCAs:            roots,
		InsecureSkipVerify: c.InsecureSkipVerify, // only where the operator asked for it
	})
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("TLS with %s: %w", c.Addr, why(ctx, err))
	}
	return conn, nil
}

func (c HTTP) serverName() string {
	if c.Host == "" {
		return c.Addr.Addr().String()
	}
	if name, _, err := net.SplitHostPort(c.Host); err == nil {
		return name
	}
	return strings.Trim(c.Host, "[]")
}

// roots returns the authorities of CAFile, or nil for the system's.
func (c HTTP) roots() (*x509.CertPool, error) {
	if c.CAFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("CA file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("CA file %s: no certificate in it, want PEM", c.CAFile)
	}
	return pool, nil
}

// read reads the answer from conn, which lies on wire, and judges it.
func (c HTTP) read(ctx context.Context, req *http.Request, wire *meter, conn io.Reader) error {
	wire.left = maxHeader
	res, err := readResponse(bufio.NewReader(conn), req)
	if err != nil {
		return fmt.Errorf("read header: %w", wire.why(ctx, err))
	}
	defer res.Body.Close()
	if !c.good(res.StatusCode) {
		return fmt.Errorf("status %d, want %s", res.StatusCode, c.wantStatus())
	}
	wire.left = maxBodyWire
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err != nil {
		return fmt.Errorf("read body: %w", wire.why(ctx, err))
	}
	return c.judge(body)
}

// readResponse returns the final answer after at most maxInterim interim ones.
func readResponse(r *bufio.Reader, req *http.Request) (*http.Response, error) {
	for range maxInterim + 1 {
		res, err := http.ReadResponse(r, req)
		if err != nil || res.StatusCode >= 200 || res.StatusCode == http.StatusSwitchingProtocols {
			return res, err
		}
	}
	return nil, fmt.Errorf("more than %d interim answers", maxInterim)
}

func (c HTTP) good(status int) bool {
	for _, r := range c.statuses() {
		if r.From <= status && status <= r.To {
			return true
		}
	}
	return false
}

func (c HTTP) statuses() []StatusRange {
	if len(c.Status) == 0 {
		return []StatusRange{{200, 299}}
	}
	return c.Status
}

func (c HTTP) wantStatus() string {
	var words []string
	for _, r := range c.statuses() {
		words = append(words, r.String())
	}
	return strings.Join(words, " or ")
}

// judge looks for what the body must have.
func (c HTTP) judge(body []byte) error {
	if !bytes.Contains(body, []byte(c.Contains)) {
		return fmt.Errorf("body does not contain %q", c.Contains)
	}
	if c.Match == "" {
		return nil
	}
	re, err := regexp.Compile(c.Match)
	if err != nil {
		return fmt.Errorf("match: %w", err)
	}
	if !re.Match(body) {
		return fmt.Errorf("body does not match %q", c.Match)
	}
	return nil
}
