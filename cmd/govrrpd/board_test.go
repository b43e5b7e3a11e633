package main

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/vrrp"
)

func TestRolesAreToldAsTheyChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard[vrrp.Role]()
		b.note("web", vrrp.Master)
		b.note("mail", vrrp.Backup)
		ctx, cancel := context.WithCancel(t.Context())
		told := make(chan map[string]vrrp.Role, 1)
		done := make(chan struct{})
		go func() {
			defer close(done)
			b.follow(ctx, func(news map[string]vrrp.Role) error { told <- maps.Clone(news); return nil })
		}()
		expect := func(claim string, want map[string]vrrp.Role) {
			t.Helper()
			if d := cmp.Diff(want, <-told); d != "" {
				t.Errorf("%s (-want +got)\n%s", claim, d)
			}
			synctest.Wait()
		}
		expect("all at first", map[string]vrrp.Role{"web": vrrp.Master, "mail": vrrp.Backup})
		b.note("web", vrrp.Fault)
		expect("what changed", map[string]vrrp.Role{"web": vrrp.Fault})
		told <- nil // the one who is told is busy
		b.note("web", vrrp.Backup)
		synctest.Wait()
		for _, role := range []vrrp.Role{vrrp.Master, vrrp.Backup, vrrp.Master} {
			b.note("mail", role)
		}
		<-told
		expect("the first change", map[string]vrrp.Role{"web": vrrp.Backup})
		expect("the newest of many", map[string]vrrp.Role{"mail": vrrp.Master})
		cancel()
		<-done
		if b.note("web", vrrp.Master); len(b.pokes) != 0 {
			t.Error("somebody who has left is still poked")
		}
	})
}

func TestRolesEndWithWhoCannotBeTold(t *testing.T) {
	b := newBoard[vrrp.Role]()
	b.note("web", vrrp.Master)
	b.follow(t.Context(), func(map[string]vrrp.Role) error { return errors.New("gone") }) // returns
	if len(b.pokes) != 0 {
		t.Error("who cannot be told is still poked")
	}
}

// The router's end of the conversation and the director's: roles come by themselves, and do not get in the way of replies.
func TestDirectorHearsOfRoles(t *testing.T) {
	r := &router{ctx: t.Context(), roles: newBoard[vrrp.Role](), paths: bfdRoute{board: newBoard[vrrp.Verdict]()}, log: slog.New(slog.DiscardHandler)}
	r.noteRole(vrrp.Transition{Router: "web", To: vrrp.Backup})
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if conn, err := listener.Accept(); err == nil {
			r.converse(conn)
		}
	}()
	conn, err := dialRouter(socket)
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan map[string]vrrp.Role, 4) // all that are noted below
	if err := conn.follow(func(roles map[string]vrrp.Role) { heard <- roles }, nil); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]vrrp.Role{"web": vrrp.Backup}, <-heard); d != "" {
		t.Errorf("at first (-want +got)\n%s", d)
	}
	r.noteRole(vrrp.Transition{Router: "web", To: vrrp.Master})
	if d := cmp.Diff(map[string]vrrp.Role{"web": vrrp.Master}, <-heard); d != "" {
		t.Errorf("then (-want +got)\n%s", d)
	}
	if err := conn.conn.Close(); err != nil {
		t.Error(err)
	}
	<-ended
}
