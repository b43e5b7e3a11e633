package main

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/vrrp"
)

var compareAddr = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// heard is the memory of a router that heard one sender.
func heard(sequence uint64) vrrp.Memory {
	return vrrp.Memory{Sent: sequence, Marks: map[netip.Addr]uint64{netip.MustParseAddr("10.0.0.2"): sequence}}
}

// A keptRouter is the snapshot of a router with one instance.
type keptRouter struct{ now vrrp.Memory }

func (r *keptRouter) memories(time.Duration) memories { return memories{"web": r.now} }

func TestMemoryIsFoundAgain(t *testing.T) {
	runtime, state := t.TempDir(), t.TempDir()
	socket := filepath.Join(runtime, "router.sock")
	log := slog.New(slog.DiscardHandler)
	k := newKeeper(socket, log, (&keptRouter{now: heard(1 << 62)}).memories)
	k.settle(state)
	k.write(&k.runtime, 0)
	k.write(&k.state, 0)
	for _, gone := range []string{"", socket + ".memory", filepath.Join(state, k.name)} {
		if gone != "" {
			if err := os.Remove(gone); err != nil {
				t.Fatal(err)
			}
		}
		next := newKeeper(socket, log, (&keptRouter{}).memories)
		next.settle(state)
		want := memories{"web": heard(1 << 62)}
		if gone == filepath.Join(state, k.name) { // both are gone
			want = memories{}
		}
		if diff := cmp.Diff(want, next.known, compareAddr); diff != "" {
			t.Errorf("without %q (-want +got):\n%s", gone, diff)
		}
	}
}

func TestMemoryOfARemovedInstanceIsKept(t *testing.T) {
	k := newKeeper(filepath.Join(t.TempDir(), "router.sock"), slog.New(slog.DiscardHandler), (&keptRouter{now: heard(5)}).memories)
	k.known["gone"] = heard(7)
	k.write(&k.runtime, 0)
	var got memories
	if err := loadJSON(k.runtime.path(), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(memories{"web": heard(5), "gone": heard(7)}, got, compareAddr); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNothingIsWrittenWhereNobodySigns(t *testing.T) {
	k := newKeeper(filepath.Join(t.TempDir(), "router.sock"), slog.New(slog.DiscardHandler), (&keptRouter{}).memories)
	k.write(&k.runtime, time.Second)
	if _, err := os.Stat(k.runtime.path()); err == nil {
		t.Errorf("%s was written", k.runtime.path())
	}
}

func TestKeeperWritesSeldomAndWithALead(t *testing.T) {
	runtime, state := t.TempDir(), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		calls := map[time.Duration]int{}
		k := newKeeper(filepath.Join(runtime, "router.sock"), slog.New(slog.DiscardHandler), func(lead time.Duration) memories {
			mu.Lock()
			defer mu.Unlock()
			calls[lead]++
			return memories{"web": heard(5)}
		})
		k.settle(state)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { k.run(ctx); close(ended) }()
		time.Sleep(2*time.Minute + time.Millisecond)
		stop()
		<-ended
		want := map[time.Duration]int{3 * time.Second: 120, 3 * time.Minute: 2, 0: 2}
		if diff := cmp.Diff(want, calls); diff != "" {
			t.Errorf("snapshots by lead in two minutes and at the end (-want +got):\n%s", diff)
		}
	})
}

func TestMemoryThatCannotBeKeptIsToldOnce(t *testing.T) {
	var log bytes.Buffer
	k := newKeeper(filepath.Join(t.TempDir(), "router.sock"), slog.New(slog.NewTextHandler(&log, nil)), (&keptRouter{now: heard(5)}).memories)
	k.settle("/proc/none") // where nobody can make a folder
	for range 3 {
		k.write(&k.state, 0)
	}
	if n := bytes.Count(log.Bytes(), []byte("cannot be kept")); n != 1 {
		t.Errorf("%d lines, want 1:\n%s", n, log.String())
	}
	if bytes.Contains(log.Bytes(), []byte("cannot be read")) {
		t.Errorf("a file that is not there is no mistake:\n%s", log.String())
	}
}
