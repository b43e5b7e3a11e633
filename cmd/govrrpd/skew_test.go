package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

func TestRequestOfAnotherVersion(t *testing.T) {
	tests := []struct{ name, request, want string }{
		{"all is known", `{"facts":{"script/a":{"state":"up"}}}`, ""},
		{"something new of an instance", `{"configure":{"routers":[{"Name":"a","PostQuantum":{"Key":"x"}}]}}`, `does not know "PostQuantum"`},
		{"something new beside the instances", `{"configure":{"routers":[],"glbp":{}}}`, `does not know "glbp"`},
		{"something new in a fact", `{"facts":{"script/a":{"state":"up","colour":"red"}}}`, ""},
		{"another kind of value", `{"facts":{"script/a":{"state":"sideways"}}}`, "differ in version"},
		{"another kind of request", `{"surrender":true}`, "differ in version"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newIdleRouter(t)
			r.stop() // configure does nothing but say so
			reply := r.reply([]byte(tt.request))
			if tt.want == "" && reply.Error != "" || !strings.Contains(reply.Error, tt.want) {
				t.Errorf("reply %q, want %q in it", reply.Error, tt.want)
			}
		})
	}
}

// A request that cannot be read must not end the conversation: the director would come back at once, and again, for ever.
func TestUnreadableRequestIsAnswered(t *testing.T) {
	r := newIdleRouter(t)
	ours, theirs := net.Pipe()
	var done sync.WaitGroup
	done.Go(func() { r.converse(theirs) })
	defer done.Wait()
	defer ours.Close()
	decoder := json.NewDecoder(ours)
	for _, tt := range []struct {
		request string
		refused bool
	}{{`{"facts":["another","form"]}`, true}, {`{"facts":{}}`, false}} {
		if _, err := io.WriteString(ours, tt.request+"\n"); err != nil {
			t.Fatal(err)
		}
		var reply routerReply
		if err := decoder.Decode(&reply); err != nil || (reply.Error != "") != tt.refused {
			t.Fatalf("%s: reply %+v, error %v, want a refusal: %t", tt.request, reply, err, tt.refused)
		}
	}
}

func TestSkewIsWarnedOf(t *testing.T) {
	for router, want := range map[string]bool{version: false, "0.9": true, "": true} {
		var out bytes.Buffer
		warnOfSkew(slog.New(slog.NewTextHandler(&out, nil)), router)
		if got := out.Len() > 0; got != want {
			t.Errorf("router %q: warned: %t, want %t", router, got, want)
		}
	}
}

// A listener that has no room for one more file for a moment must not make the router deaf for good.
type flakyListener struct {
	net.Listener
	failures atomic.Int32
}

func (l *flakyListener) Accept() (net.Conn, error) {
	if l.failures.Add(-1) >= 0 {
		return nil, syscall.EMFILE
	}
	return l.Listener.Accept()
}

func TestRouterOutlivesAFailureToAccept(t *testing.T) {
	inner, err := listenUnix(filepath.Join(t.TempDir(), "router.sock"))
	if err != nil {
		t.Fatal(err)
	}
	listener := &flakyListener{Listener: inner}
	listener.failures.Store(2)
	r := newIdleRouter(t)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- r.serve(ctx, listener) }()
	conn, err := dialRouter(inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ask(routerRequest{Facts: trackedFacts{"a": {}}}); err != nil {
		t.Error(err)
	}
	second, err := dialRouter(inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.ask(routerRequest{Facts: trackedFacts{"a": {}}}); err != nil {
		t.Error(err)
	}
	<-conn.closed // a newer director takes the place of the older
	cancel()
	_ = inner.Close()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
