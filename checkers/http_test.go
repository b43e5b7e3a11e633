package checkers

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// site serves what the tests of judgement ask for.
func site(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/":
		fmt.Fprint(w, "state: OK\nversion 1.2\n")
	case "/query":
		fmt.Fprint(w, r.URL.RawQuery)
	case "/moved":
		http.Redirect(w, r, "/", http.StatusFound)
	case "/down":
		http.Error(w, "maintenance", http.StatusServiceUnavailable)
	case "/chunked":
		w.(http.Flusher).Flush()
		fmt.Fprint(w, "O")
		w.(http.Flusher).Flush()
		fmt.Fprint(w, "K")
	case "/hints":
		w.WriteHeader(http.StatusEarlyHints)
		fmt.Fprint(w, "OK")
	case "/empty":
		w.WriteHeader(http.StatusNoContent)
	case "/big":
		w.Write(bytes.Repeat([]byte("x"), maxBody-2))
		fmt.Fprint(w, "OK and beyond")
	default:
		http.NotFound(w, r)
	}
}

func addrOf(s *httptest.Server) netip.AddrPort {
	return netip.MustParseAddrPort(s.Listener.Addr().String())
}

func TestHTTPJudgesTheAnswer(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(site))
	defer srv.Close()
	tests := []struct {
		name string
		ask  HTTP
		want string
	}{
		{"the zero value wants 2xx of /", HTTP{}, ""},
		{"status 503", HTTP{Path: "/down"}, "status 503, want 200-299"},
		{"status 404 that is wanted", HTTP{Path: "/none", Page: Page{Status: []StatusRange{{200, 204}, {404, 404}}}}, ""},
		{"none of several statuses", HTTP{Path: "/down", Page: Page{Status: []StatusRange{{200, 204}, {404, 404}}}}, "status 503, want 200-204 or 404"},
		{"a redirect is not followed", HTTP{Path: "/moved"}, "status 302, want 200-299"},
		{"a redirect can be what is wanted", HTTP{Path: "/moved", Page: Page{Status: []StatusRange{{300, 399}}}}, ""},
		{"text that is there", HTTP{Page: Page{Contains: "OK"}}, ""},
		{"text that is not", HTTP{Page: Page{Contains: `"up"`}}, `body does not contain "\"up\""`},
		{"an expression that matches", HTTP{Page: Page{Match: `version \d+\.\d+`}}, ""},
		{"an expression that does not", HTTP{Page: Page{Match: `^version`}}, `body does not match "^version"`},
		{"a status comes before the body", HTTP{Path: "/down", Page: Page{Contains: "OK"}}, "status 503, want 200-299"},
		{"a query is sent", HTTP{Path: "/query?a=1&b=%20", Page: Page{Contains: "a=1&b=%20"}}, ""},
		{"a body in chunks is put together", HTTP{Path: "/chunked", Page: Page{Contains: "OK"}}, ""},
		{"early hints are not the answer", HTTP{Path: "/hints", Page: Page{Contains: "OK"}}, ""},
		{"an empty answer is an answer", HTTP{Path: "/empty"}, ""},
		{"the end of 64 KiB is looked at", HTTP{Path: "/big", Page: Page{Contains: "OK"}}, ""},
		{"and nothing after it", HTTP{Path: "/big", Page: Page{Contains: "beyond"}}, `body does not contain "beyond"`},
		{"an expression that does not compile", HTTP{Page: Page{Match: "("}}, "match: error parsing regexp: …"},
		{"a path that is none", HTTP{Path: "http://elsewhere/"}, `path "http://elsewhere/" is not one: want, for example, /healthz`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.ask.Target = at(addrOf(srv))
			wantError(t, probeFor(t, tt.ask, 5*time.Second), tt.want)
		})
	}
}

func TestHTTPRequestIsPlainAndSigned(t *testing.T) {
	seen := make(chan *http.Request, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r }))
	defer srv.Close()
	for host, want := range map[string]string{"": addrOf(srv).String(), "www.example.net": "www.example.net"} {
		wantError(t, probeFor(t, HTTP{Target: at(addrOf(srv)), Host: host, Path: "/a%2fb?c=d"}, 5*time.Second), "")
		r := <-seen
		if r.Host != want {
			t.Errorf("Host is %q, want %q", r.Host, want)
		}
		if r.Method != "GET" || r.RequestURI != "/a%2fb?c=d" || r.Proto != "HTTP/1.1" || !r.Close {
			t.Errorf("the request is %s %s %s, close %t", r.Method, r.RequestURI, r.Proto, r.Close)
		}
		if agent := r.Header.Get("User-Agent"); !strings.HasPrefix(agent, "govrrpd") {
			t.Errorf("User-Agent is %q", agent)
		}
	}
}

func TestHTTPHostOfAnAddressLeavesOutTheUsualPort(t *testing.T) {
	for _, tt := range []struct {
		addr string
		tls  bool
		want string
	}{
		{"10.0.0.11:80", false, "10.0.0.11"},
		{"10.0.0.11:443", true, "10.0.0.11"},
		{"10.0.0.11:443", false, "10.0.0.11:443"},
		{"10.0.0.11:8080", false, "10.0.0.11:8080"},
		{"[2001:db8::1]:80", false, "[2001:db8::1]"},
		{"[2001:db8::1]:8080", false, "[2001:db8::1]:8080"},
	} {
		if got := (HTTP{Target: at(netip.MustParseAddrPort(tt.addr)), TLS: trusting(tt.tls)}).authority(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.addr, got, tt.want)
		}
	}
}

func TestHTTPServerNameIsTheHostWithoutPort(t *testing.T) {
	addr := net.TCPAddrFromAddrPort(netip.MustParseAddrPort("10.0.0.11:8443"))
	for host, want := range map[string]string{
		"": "10.0.0.11", "www.example.net": "www.example.net", "www.example.net:8443": "www.example.net",
		"[2001:db8::1]:8443": "2001:db8::1", "[2001:db8::1]": "2001:db8::1",
	} {
		config, err := HTTP{TLS: &TLS{}, Host: host}.security().config(addr)
		if err != nil || config.ServerName != want {
			t.Errorf("host %q: server name %q, %v, want %q", host, config.ServerName, err, want)
		}
	}
}

func TestHTTPValidateSaysWhatToWrite(t *testing.T) {
	good := HTTP{Target: at(netip.MustParseAddrPort("10.0.0.11:80"))}
	tests := []struct {
		name   string
		change func(*HTTP)
		want   string
	}{
		{"good", func(*HTTP) {}, ""},
		{"no address", func(c *HTTP) { c.Addr = netip.AddrPort{} }, "no address"},
		{"path without slash", func(c *HTTP) { c.Path = "healthz" }, `path "healthz" is not one`},
		{"path with a space", func(c *HTTP) { c.Path = "/a\nb" }, "is not one: want, for example, /healthz"},
		{"host with a line feed", func(c *HTTP) { c.Host = "a\r\nX: y" }, "is not a name"},
		{"host with a path", func(c *HTTP) { c.Host = "a/b" }, "is not a name"},
		{"status out of range", func(c *HTTP) { c.Page.Status = []StatusRange{{200, 600}} }, "status 200-600 is not a range within 100-599"},
		{"status backwards", func(c *HTTP) { c.Page.Status = []StatusRange{{299, 200}} }, "want, for example, 200-299 or 404"},
		{"bad expression", func(c *HTTP) { c.Page.Match = "a(?=b)" }, "not a regular expression that RE2 knows"},
		{"half of a certificate", func(c *HTTP) { c.TLS = &TLS{CertFile: "/me.pem"} }, "needs its key"},
		{"no such version", func(c *HTTP) { c.Version = "3" }, "want 1.0, 1.1 or 2"},
		{"a header with a line feed", func(c *HTTP) { c.Headers = map[string]string{"X": "a\nb"} }, "is not one"},
		{"a method with a space", func(c *HTTP) { c.Method = "GET /" }, "method"},
		{"a digest of no length", func(c *HTTP) { c.Page.Digest = "abcd" }, "neither of SHA-256"},
		{"two opinions on trust", func(c *HTTP) { c.TLS = &TLS{CAFile: "/ca.pem", SkipVerify: true} }, "contradict"},
	}
	for _, tt := range tests {
		c := good
		tt.change(&c)
		err := c.Validate()
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// writePEM writes a certificate to a file of the test's and returns its name.
func writePEM(t *testing.T, der []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// certificate returns one for 127.0.0.1 that signs itself and expired as long ago as age says.
func certificate(t *testing.T, age time.Duration) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		NotBefore:             time.Now().Add(-age - time.Hour),
		NotAfter:              time.Now().Add(-age),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// tlsServer serves site over TLS without telling of failed handshakes.
func tlsServer(t *testing.T, config *tls.Config) *httptest.Server {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(site))
	srv.TLS = config
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv
}

func TestHTTPSVerifiesTheServer(t *testing.T) {
	srv := tlsServer(t, nil) // its certificate is for 127.0.0.1 and example.com
	ca, addr := writePEM(t, srv.Certificate().Raw), addrOf(srv)
	old := certificate(t, 24*time.Hour)
	expired := tlsServer(t, &tls.Config{Certificates: []tls.Certificate{old}})
	picky := tlsServer(t, &tls.Config{ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12})
	plain := httptest.NewServer(http.HandlerFunc(site))
	defer plain.Close()
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("no certificate\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	with := func(addr netip.AddrPort) string { return "TLS with " + addr.String() + ": " }
	tests := []struct {
		name string
		ask  HTTP
		want string
	}{
		{"trusted, by address", HTTP{Target: at(addr), TLS: &TLS{CAFile: ca}, Page: Page{Contains: "OK"}}, ""},
		{"trusted, by name", HTTP{Target: at(addr), TLS: &TLS{CAFile: ca}, Host: "example.com:8443"}, ""},
		{"trusted, but not for this name", HTTP{Target: at(addr), TLS: &TLS{CAFile: ca}, Host: "www.example.net"},
			with(addr) + "certificate not trusted: certificate is valid for example.com, *.example.com, not www.example.net"},
		{"unknown to the system", HTTP{Target: at(addr), TLS: &TLS{}}, with(addr) + "certificate not trusted: certificate signed by unknown authority…"},
		{"not verified on request", HTTP{Target: at(addr), TLS: trusting(true), Host: "www.example.net"}, ""},
		{"expired", HTTP{Target: at(addrOf(expired)), TLS: &TLS{CAFile: writePEM(t, old.Certificate[0])}},
			with(addrOf(expired)) + "certificate not trusted: certificate has expired or is not yet valid: …"},
		{"not TLS at all", HTTP{Target: at(addrOf(plain)), TLS: &TLS{}}, with(addrOf(plain)) + "first record does not look like a TLS handshake"},
		{"the server wants a certificate", HTTP{Target: at(addrOf(picky)), TLS: trusting(true)}, with(addrOf(picky)) + "the server refused: handshake failure"},
		{"no CA file", HTTP{Target: at(addr), TLS: &TLS{CAFile: "/nonexistent/ca.pem"}}, "CA file: open /nonexistent/ca.pem: no such file or directory"},
		{"an empty CA file", HTTP{Target: at(addr), TLS: &TLS{CAFile: empty}}, "CA file " + empty + ": no certificate in it, want PEM"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantError(t, probeFor(t, tt.ask, 5*time.Second), tt.want)
		})
	}
	wantError(t, probeFor(t, HTTP{Target: at(addr)}, 5*time.Second), "status 400, want 200-299") // http to an https port
}

func TestHTTPSendsTheServerName(t *testing.T) {
	names := make(chan string, 1)
	srv := tlsServer(t, &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		names <- hello.ServerName
		return nil, nil
	}})
	for host, want := range map[string]string{"example.com": "example.com", "": ""} { // an address is no SNI, RFC 6066 section 3
		wantError(t, probeFor(t, HTTP{Target: at(addrOf(srv)), TLS: &TLS{CAFile: writePEM(t, srv.Certificate().Raw)}, Host: host}, 5*time.Second), "")
		if got := <-names; got != want {
			t.Errorf("host %q: server name %q, want %q", host, got, want)
		}
	}
}

func TestHTTPSaysWhyItCannotConnect(t *testing.T) {
	refused := closedPort(t)
	wantError(t, probeFor(t, HTTP{Target: at(refused)}, 5*time.Second), "connect to "+refused.String()+": connection refused")
}
