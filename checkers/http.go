package checkers

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/net/http/httpguts"
)

// What the parts of an answer may cost us, in bytes.
const (
	maxHeader   = maxAnswer
	maxBody     = maxAnswer   // what of it is looked at
	maxBodyWire = 2 * maxBody // the same with the frames of chunks, of HTTP/2 and of TLS around it
)

// maxInterim is how many interim answers (100 Continue, 103 Early Hints) may come before the real one.
const maxInterim = 5

// HTTP asks a server for a page and judges the answer: its status, and what its body contains. The whole answer, or the first 64 KiB
// of its body, must arrive in time.
//
// It speaks HTTP/1 for itself instead of through http.Transport: one connection for one request needs no pool and no goroutines, and
// everything that a server can make us read passes one limit.
type HTTP struct {
	Target
	TLS     *TLS              // nil: http, otherwise https; where it has no Name, that in Host is meant
	Version string            // "1.0", "1.1" or "2"; empty: "1.1"
	Method  string            // empty: "GET"
	Host    string            // Host header and, without its port, TLS server name; empty: the address
	Path    string            // with the query, if any; empty: "/"
	Headers map[string]string // more of them
	Body    string            // of the request

	Redirects int  // how many redirects to follow, on the same server; 0: a 3xx is judged as the status that it is
	Page      Page // what the answer must be
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
	errs := []error{c.Target.Validate(), validateTLS(c.TLS), c.Page.Validate()}
	if _, err := c.request(c.path()); err != nil {
		errs = append(errs, err)
	}
	switch c.Version {
	case "", "1.0", "1.1", "2":
	default:
		errs = append(errs, fmt.Errorf("version %q of HTTP is not spoken here: want 1.0, 1.1 or 2", c.Version))
	}
	return errors.Join(errs...)
}

// Check asks, follows redirects, and judges the answer.
func (c HTTP) Check(ctx context.Context) error {
	_, err := c.get(ctx)
	return err
}

// get is Check for those who want to see the page.
func (c HTTP) get(ctx context.Context) (page, error) {
	path := c.path()
	for hop := 0; ; hop++ {
		page, err := c.fetch(ctx, path)
		if err != nil {
			return page, err
		}
		next, ok := c.redirected(page, path)
		if !ok || hop >= c.Redirects {
			return page, c.Page.judge(page)
		}
		path = next
	}
}

// An answer of a web server.
type page struct {
	status int
	header http.Header
	body   []byte
}

// fetch asks for path once.
func (c HTTP) fetch(ctx context.Context, path string) (page, error) {
	req, err := c.request(path)
	if err != nil {
		return page{}, err
	}
	if c.Version == "2" {
		p, _, err := roundTrip2(ctx, c.Target, c.security(), req)
		return p, err
	}
	d, err := dial(ctx, c.Target, c.security())
	if err != nil {
		return page{}, err
	}
	defer d.close()
	if err := c.write(d, req); err != nil {
		return page{}, fmt.Errorf("send request: %w", d.why(err))
	}
	return c.read(d, req)
}

// write sends req, with the version of the protocol that is wanted.
func (c HTTP) write(w io.Writer, req *http.Request) error {
	if c.Version != "1.0" {
		return req.Write(w)
	}
	var b bytes.Buffer
	if err := req.Write(&b); err != nil {
		return err
	}
	_, err := w.Write(bytes.Replace(b.Bytes(), []byte(" HTTP/1.1\r\n"), []byte(" HTTP/1.0\r\n"), 1))
	return err
}

// security returns how the connection is secured, for the name in Host.
func (c HTTP) security() *TLS {
	if c.TLS == nil || c.Host == "" || c.TLS.Name != "" {
		return c.TLS
	}
	t := *c.TLS
	t.Name = strings.Trim(c.Host, "[]")
	if name, _, err := net.SplitHostPort(c.Host); err == nil {
		t.Name = name
	}
	return &t
}

func (c HTTP) path() string { return cmp.Or(c.Path, "/") }

// request returns the request to send. Package http refuses what would break the header, such as a line feed in the host.
func (c HTTP) request(path string) (*http.Request, error) {
	u, err := url.ParseRequestURI(path)
	if err != nil || !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("path %q is not one: want, for example, /healthz", path)
	}
	host := cmp.Or(c.Host, c.authority())
	if strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`/\@?#"<>`, r) }) {
		return nil, fmt.Errorf("host %q is not a name: want, for example, www.example.net", host)
	}
	target := url.URL{Scheme: c.scheme(), Host: host, Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}
	req, err := http.NewRequest(cmp.Or(c.Method, http.MethodGet), target.String(), strings.NewReader(c.Body))
	if err != nil {
		return nil, fmt.Errorf("method %q is not one: want, for example, GET or HEAD", c.Method)
	}
	req.Close = c.Version != "2"
	req.Header = http.Header{"User-Agent": {userAgent()}, "Accept": {"*/*"}}
	for name, value := range c.Headers {
		if !validHeader(name, value) {
			return nil, fmt.Errorf("header %q with %q is not one: want, for example, \"X-Probe\" = \"1\"", name, value)
		}
		req.Header.Set(name, value)
	}
	return req, nil
}

// validHeader reports whether a header can be sent.
func validHeader(name, value string) bool {
	return httpguts.ValidHeaderFieldName(name) && httpguts.ValidHeaderFieldValue(value)
}

func (c HTTP) scheme() string {
	if c.TLS != nil {
		return "https"
	}
	return "http"
}

// redirected returns the path that the server sends us to, if that is on the server itself.
func (c HTTP) redirected(p page, path string) (next string, ok bool) {
	location := p.header.Get("Location")
	if p.status < 300 || p.status > 399 || location == "" {
		return "", false
	}
	here := url.URL{Scheme: c.scheme(), Host: cmp.Or(c.Host, c.authority())}
	from, err := here.Parse(path)
	if err != nil {
		return "", false
	}
	to, err := from.Parse(location)
	if err != nil || to.Scheme != here.Scheme || !strings.EqualFold(to.Host, here.Host) {
		return "", false
	}
	return to.RequestURI(), true
}

// authority is the address as a browser would put it in the Host header: without the port where it goes without saying.
func (c HTTP) authority() string {
	if usual := map[bool]uint16{false: 80, true: 443}[c.TLS != nil]; c.Addr.Port() != usual {
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

// read reads the answer.
func (c HTTP) read(d *dialog, req *http.Request) (page, error) {
	d.wire.left.Store(maxHeader)
	res, err := readResponse(d.in, req)
	if err != nil {
		return page{}, fmt.Errorf("read header: %w", d.why(err))
	}
	defer res.Body.Close()
	traceOf(d.ctx).phase("first byte")
	d.wire.left.Store(maxBodyWire)
	return readPage(res, d.why)
}

// readPage reads the body of res; why tells why that failed.
func readPage(res *http.Response, why func(error) error) (page, error) {
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err != nil {
		return page{status: res.StatusCode, header: res.Header}, fmt.Errorf("read body: %w", why(err))
	}
	return page{res.StatusCode, res.Header, body}, nil
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
