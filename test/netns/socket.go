package netns

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// Listen is net.Listen in the node. Any goroutine may call it.
func (n *Node) Listen(network, address string) (net.Listener, error) {
	var l net.Listener
	err := n.within(func() (err error) {
		l, err = net.Listen(network, address)
		return err
	})
	return l, err
}

// ListenPacket is net.ListenPacket in the node. Any goroutine may call it.
func (n *Node) ListenPacket(network, address string) (net.PacketConn, error) {
	var c net.PacketConn
	err := n.within(func() (err error) {
		c, err = net.ListenPacket(network, address)
		return err
	})
	return c, err
}

// DialContext is net.Dialer.DialContext in the node; address has a literal IP address. Any goroutine may call it.
func (n *Node) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	var c net.Conn
	err := n.within(func() (err error) {
		c, err = new(net.Dialer).DialContext(ctx, network, address)
		return err
	})
	return c, err
}

// An HTTPServer answers every request with its name, so that a client knows who it talked to.
type HTTPServer struct {
	Name   string
	node   *Node
	addrs  []string
	server *http.Server
}

// HTTP starts a web server in the node, on all given addresses.
func (n *Node) HTTP(name string, addrs ...string) *HTTPServer {
	n.w.t.Helper()
	s := &HTTPServer{Name: name, node: n, addrs: addrs}
	n.closers = append(n.closers, s.Stop)
	s.Start()
	return s
}

// Start makes the server answer again after Stop.
func (s *HTTPServer) Start() {
	w := s.node.w
	w.t.Helper()
	s.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(s.answer)}
	for _, addr := range s.addrs {
		l, err := s.node.Listen("tcp", addr)
		w.must(err, "%s: web server", s.node.Name)
		go s.server.Serve(l) //nolint:errcheck // returns ErrServerClosed after Stop; a listener that breaks is seen by its clients
	}
}

func (s *HTTPServer) answer(rw http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(rw, "%s\n", s.Name)
}

// Stop is the power plug: the port is closed and every connection reset.
func (s *HTTPServer) Stop() { _ = s.server.Close() }

// Get asks for a page, each time over a new connection, and returns its text without the final line end.
func (n *Node) Get(url string, limit time.Duration) (string, error) {
	client := http.Client{Timeout: limit, Transport: &http.Transport{DialContext: n.DialContext, DisableKeepAlives: true}}
	res, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", url, res.Status)
	}
	return trimLine(body), err
}

func trimLine(b []byte) string {
	if len(b) > 0 && b[len(b)-1] == '\n' {
		b = b[:len(b)-1]
	}
	return string(b)
}

// A Conversation is one connection on which a client asks again and again.
type Conversation struct {
	conn   net.Conn
	reader *bufio.Reader
}

// Converse opens a connection to a web server; it is closed with the World.
func (n *Node) Converse(addr netip.AddrPort) *Conversation {
	n.w.t.Helper()
	conn, err := n.DialContext(n.w.t.Context(), "tcp", addr.String())
	n.w.must(err, "%s: connection to %s", n.Name, addr)
	n.closers = append(n.closers, func() { _ = conn.Close() })
	return &Conversation{conn: conn, reader: bufio.NewReader(conn)}
}

// Ask sends a request on the connection and returns who answered.
func (c *Conversation) Ask(limit time.Duration) (string, error) {
	if err := c.conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(c.conn, "GET / HTTP/1.1\r\nHost: demo\r\n\r\n"); err != nil {
		return "", err
	}
	res, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return trimLine(body), err
}

// A Tally says how often each server answered, and which requests went wrong.
type Tally struct {
	Answers  map[string]int
	Failures []error
}

// Problem sums up the failures in a line; "" when there were none.
func (t Tally) Problem() string {
	if len(t.Failures) == 0 {
		return ""
	}
	return fmt.Sprintf("%d requests failed, the first with: %v", len(t.Failures), t.Failures[0])
}

// GetMany asks count times, one after another.
func (n *Node) GetMany(url string, count int, limit time.Duration) Tally {
	t := Tally{Answers: map[string]int{}}
	for range count {
		body, err := n.Get(url, limit)
		if err != nil {
			t.Failures = append(t.Failures, err)
			continue
		}
		t.Answers[body]++
	}
	return t
}
