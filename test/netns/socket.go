package netns

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
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

// answer says who we are. A request for /stream goes on, one line for each that arrives, until the client has enough.
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

// A Tally says how often each server answered, and which requests went wrong.
type Tally struct {
	Answers  map[string]int
	Failures []error
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
