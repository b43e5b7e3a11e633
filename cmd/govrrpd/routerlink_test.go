package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/vrrp"
)

// A farEnd is a router as the director sees it: something that listens on a socket and does as it is told by the test.
type farEnd struct {
	net.Listener
	mu       sync.Mutex
	requests []routerRequest // guarded by mu
}

// newFarEnd answers every request with what answer returns; nil closes the connection.
func newFarEnd(t *testing.T, answer func(routerRequest) *routerReply) (*farEnd, *routerLink) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "router.sock")
	listener, err := listenUnix(socket)
	if err != nil {
		t.Fatal(err)
	}
	f := &farEnd{Listener: listener}
	var conversations sync.WaitGroup
	conversations.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conversations.Go(func() { f.converse(conn, answer) })
		}
	})
	link := newRouterLink(socket, nil, slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		_ = listener.Close()
		if conn := link.current(); conn != nil {
			_ = conn.conn.Close()
		}
		conversations.Wait()
	})
	return f, link
}

func (f *farEnd) converse(conn net.Conn, answer func(routerRequest) *routerReply) {
	defer conn.Close()
	decoder := json.NewDecoder(conn)
	for {
		var request routerRequest
		if decoder.Decode(&request) != nil {
			return
		}
		f.mu.Lock()
		f.requests = append(f.requests, request)
		f.mu.Unlock()
		reply := answer(request)
		if reply == nil || json.NewEncoder(conn).Encode(reply) != nil {
			return
		}
	}
}

func (f *farEnd) heard() []routerRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]routerRequest(nil), f.requests...)
}

func content(routerRequest) *routerReply { return &routerReply{} }

// A router that comes back while a reload is under way is told twice. Whoever had to wait for his turn tells the newest, or the old
// configuration might arrive last.
func TestRouterIsNeverToldAnOldConfigurationAfterTheNew(t *testing.T) {
	router, link := newFarEnd(t, content)
	conn, err := dialRouter(link.socket)
	if err != nil {
		t.Fatal(err)
	}
	link.wanted = routerConfig{RTPriority: 1}
	link.telling.Lock() // both wait
	var both sync.WaitGroup
	both.Go(func() {
		if err := link.use(conn); err != nil {
			t.Error(err)
		}
	})
	waitFor(t, "the connection to be in use", func() bool { return link.current() != nil })
	both.Go(func() {
		if err := link.Apply(routerConfig{RTPriority: 2}); err != nil {
			t.Error(err)
		}
	})
	waitFor(t, "the new configuration to be wanted", func() bool {
		link.mu.Lock()
		defer link.mu.Unlock()
		return link.wanted.RTPriority == 2
	})
	link.telling.Unlock()
	both.Wait()
	newest := routerRequest{Configure: &routerConfig{RTPriority: 2}}
	if diff := cmp.Diff([]routerRequest{newest, newest}, router.heard()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// A hand-over and a reload take seconds, and status has to be answered meanwhile. A router of an older version answers in order.
func TestRequestsDoNotWaitForEachOther(t *testing.T) {
	for _, numbered := range []bool{true, false} {
		t.Run(fmt.Sprintf("the router knows numbers %t", numbered), func(t *testing.T) {
			release, asked := make(chan struct{}), make(chan struct{}, 1)
			socket := filepath.Join(t.TempDir(), "router.sock")
			listener, err := listenUnix(socket)
			if err != nil {
				t.Fatal(err)
			}
			var serving sync.WaitGroup
			defer serving.Wait()
			defer listener.Close()
			serving.Go(func() { answerSlowly(listener, numbered, asked, release) })
			conn, err := dialRouter(socket)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.conn.Close()
			if _, err := conn.ask(routerRequest{Facts: map[string]vrrp.Verdict{"x": {}}}); err != nil { // shows what the router knows
				t.Fatal(err)
			}
			var slow sync.WaitGroup
			slow.Go(func() {
				if reply, err := conn.ask(routerRequest{Handover: &handoverRequest{}}); err != nil || reply.Handover == nil {
					t.Errorf("hand-over: %+v, %v", reply, err)
				}
			})
			<-asked
			if !numbered {
				close(release) // or the next would wait for ever
			}
			if reply, err := conn.ask(routerRequest{Status: true}); err != nil || reply.Status == nil {
				t.Errorf("status: %+v, %v", reply, err)
			}
			if numbered {
				close(release)
			}
			slow.Wait()
		})
	}
}

// answerSlowly serves one connection. A hand-over is answered when release is closed.
func answerSlowly(listener net.Listener, numbered bool, asked chan<- struct{}, release <-chan struct{}) {
	conn, err := listener.Accept()
	if err != nil {
		return
	}
	var answers sync.WaitGroup
	defer answers.Wait()
	defer conn.Close()
	decoder, out := json.NewDecoder(conn), &replyWriter{to: json.NewEncoder(conn)}
	for {
		var request routerRequest
		if decoder.Decode(&request) != nil {
			return
		}
		answer := func() {
			reply := routerReply{Status: &routerStatus{}}
			if request.Handover != nil {
				asked <- struct{}{}
				<-release
				reply = routerReply{Handover: &vrrp.HandoverReport{}}
			}
			if numbered {
				_ = out.write(request.ID, reply)
			} else {
				_ = out.to.Encode(reply)
			}
		}
		if request.ID == 0 {
			answer()
			continue
		}
		answers.Go(answer)
	}
}

// waitFor waits until done reports true.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for !done() {
		select {
		case <-deadline:
			t.Fatalf("waited too long for %s", what)
		case <-look.C:
		}
	}
}

// A director that was told to stop while the router was away must not leave the one that it has just started.
func TestRouterThatComesBackDuringAStopIsEnded(t *testing.T) {
	router, link := newFarEnd(t, func(r routerRequest) *routerReply {
		if r.Stop {
			return nil
		}
		return &routerReply{}
	})
	if err := link.Stop(); err != nil {
		t.Fatal(err)
	}
	conn, err := dialRouter(link.socket)
	if err != nil {
		t.Fatal(err)
	}
	if err := link.use(conn); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]routerRequest{{Stop: true}}, router.heard()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestRouterThatHangsUpAtOnceIsNotCalledInATightLoop(t *testing.T) {
	router, link := newFarEnd(t, func(routerRequest) *routerReply { return nil })
	ctx, cancel := context.WithTimeout(t.Context(), 5*routerRetryPause)
	defer cancel()
	if err := link.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if n := len(router.heard()); n < 2 || n > 6 {
		t.Errorf("%d attempts in %s, want one every %s", n, 5*routerRetryPause, routerRetryPause)
	}
}

func TestConnectionKnowsTheProcessOfTheRouter(t *testing.T) {
	_, link := newFarEnd(t, content)
	conn, err := dialRouter(link.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.conn.Close()
	if conn.pid != os.Getpid() {
		t.Errorf("pid %d, want our own, %d", conn.pid, os.Getpid())
	}
}

func TestRefusalOfTheRouterIsPassedOn(t *testing.T) {
	_, link := newFarEnd(t, func(routerRequest) *routerReply { return &routerReply{Error: "no"} })
	adopted, err := link.Connect(t.Context(), routerConfig{})
	if !adopted || err == nil || err.Error() != "no" {
		t.Errorf("Connect = %t, %v, want an adopted router that says no", adopted, err)
	}
	if _, err := link.Status(); err == nil || errors.Is(err, errRouterGone) {
		t.Errorf("Status error %v, want what the router said", err)
	}
}

// A predecessor closes its socket first and lets go of its lock when it ends.
func TestLockIsAwaitedWhileAPredecessorEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "router.sock.lock")
	old, err := lockFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := awaitLock(t.Context(), path, 30*time.Millisecond); !errors.Is(err, errHeld) {
		t.Errorf("the lock of somebody who lives: error %v, want %v", err, errHeld)
	}
	time.AfterFunc(30*time.Millisecond, func() { _ = old.Close() })
	lock, err := awaitLock(t.Context(), path, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	_ = lock.Close()
	if _, err := awaitLock(t.Context(), filepath.Join(path, "x"), time.Hour); err == nil || errors.Is(err, errHeld) {
		t.Errorf("a folder that cannot be: error %v, want it at once", err)
	}
}

// When Run and Stop ask one that hangs, the second must not take the connection that the first has closed for an end in good order.
func TestStopOfARouterThatHangsIsAnErrorAndASignal(t *testing.T) {
	signals := make(chan os.Signal, 1) // to the router, which is this very process
	signal.Notify(signals, syscall.SIGTERM)
	defer signal.Stop(signals)
	release := make(chan struct{})
	_, link := newFarEnd(t, func(routerRequest) *routerReply { <-release; return nil })
	defer close(release)
	conn, err := dialRouter(link.socket)
	if err != nil {
		t.Fatal(err)
	}
	conn.patience = 20 * time.Millisecond
	if err := link.use(conn); err == nil {
		t.Error("no error from a router that does not answer")
	}
	if err := link.Stop(); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("kill -9 %d", conn.pid)) {
		t.Errorf("stop: error %v, want one that names the process", err)
	}
	select {
	case <-signals:
	case <-time.After(10 * time.Second):
		t.Error("no SIGTERM arrived")
	}
}
