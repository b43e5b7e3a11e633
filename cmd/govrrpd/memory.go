package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/govrrpd/govrrpd/vrrp"
)

// What signed adverts were sent and heard has to outlive the process, or recorded ones would be good once more. It is written twice: to the
// runtime folder, which is in memory, each second; and to the state folder, which is on a disk, each minute and at an orderly end.
const (
	runtimeSaveEvery = time.Second
	stateSaveEvery   = time.Minute
	// leadPeriods is by how many periods what is written is ahead of what was sent: a process that is killed was never past it.
	leadPeriods = 3
)

// memories are those of virtual routers, by name.
type memories map[string]vrrp.Memory

// merge takes the newer of what both know.
func (m memories) merge(o memories) {
	for name, memory := range o {
		m[name] = m[name].Newer(memory)
	}
}

// A keeper writes memories down and finds them again. All its methods may be called from any goroutine.
type keeper struct {
	name     string                            // of the file in the state folder
	snapshot func(lead time.Duration) memories // of all virtual routers
	log      *slog.Logger

	runtime, state memoryFile // each is written by one goroutine

	mu sync.Mutex // held for no writing
	// guarded by mu:
	folder string
	known  memories // what was found, and of routers that are gone
}

// newKeeper returns the keeper of the router that listens on socket, with what its predecessor left in the runtime folder. Two routers
// of one host share the state folder, so the name of the file there tells them apart.
func newKeeper(socket string, log *slog.Logger, snapshot func(lead time.Duration) memories) *keeper {
	h := fnv.New32a()
	_, _ = h.Write([]byte(socket)) // a hash does not fail
	k := &keeper{name: fmt.Sprintf("memory-%08x.json", h.Sum32()), snapshot: snapshot, log: log, known: make(memories)}
	k.runtime.every, k.state.every, k.state.durable = runtimeSaveEvery, stateSaveEvery, true
	k.runtime.path = func() string { return socket + ".memory" }
	k.state.path = k.statePath
	k.find(k.runtime.path())
	return k
}

// statePath returns the file in the state folder; empty when there is none.
func (k *keeper) statePath() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.folder == "" {
		return ""
	}
	return filepath.Join(k.folder, k.name)
}

// settle makes folder the state folder, and takes in what is there.
func (k *keeper) settle(folder string) {
	k.mu.Lock()
	same := folder == k.folder
	k.folder = folder
	k.mu.Unlock()
	if path := k.statePath(); !same && path != "" {
		k.find(path)
	}
}

func (k *keeper) find(path string) {
	found := make(memories)
	if err := loadJSON(path, &found); err != nil {
		k.log.Warn("what signed adverts were heard cannot be read, recorded ones may be accepted once", "error", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known.merge(found)
}

// recall gives a new virtual router what is known of that name.
func (k *keeper) recall(name string, m *vrrp.Member) {
	k.mu.Lock()
	defer k.mu.Unlock()
	m.Recall(k.known[name])
}

// forgetNot keeps the memory of a virtual router that ends; it may come back.
func (k *keeper) forgetNot(name string, m *vrrp.Member) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known[name] = k.known[name].Newer(m.Memory(0))
}

// run writes from time to time until ctx ends. A disk that hangs does not keep the runtime folder from being written.
func (k *keeper) run(ctx context.Context) {
	var files sync.WaitGroup
	for _, f := range []*memoryFile{&k.runtime, &k.state} {
		files.Go(func() { k.runFile(ctx, f) })
	}
	files.Wait()
	k.write(&k.runtime, 0)
	k.write(&k.state, 0)
}

func (k *keeper) runFile(ctx context.Context, f *memoryFile) {
	tick := time.NewTicker(f.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			k.write(f, leadPeriods*f.every)
		}
	}
}

// write writes what is new.
func (k *keeper) write(f *memoryFile, lead time.Duration) {
	now := k.snapshot(lead)
	k.mu.Lock()
	now.merge(k.known)
	k.mu.Unlock()
	err := f.save(now)
	if err != nil && !f.failed {
		k.log.Warn("what signed adverts were heard cannot be kept, recorded ones may be accepted after a restart", "error", err)
	}
	f.failed = err != nil
}

// A memoryFile is one of the two places.
type memoryFile struct {
	path    func() string // empty: none
	every   time.Duration
	durable bool   // survives the loss of power
	written string // where and what
	failed  bool   // and that was said
}

// save replaces the file unless it says the same already. Where nobody signs, there is none.
func (f *memoryFile) save(m memories) error {
	maps.DeleteFunc(m, func(_ string, memory vrrp.Memory) bool { return memory.Empty() })
	path := f.path()
	if path == "" || len(m) == 0 {
		return nil
	}
	b, err := json.Marshal(m)
	if err != nil || path+string(b) == f.written {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := f.replace(path, b); err != nil {
		return err
	}
	f.written = path + string(b)
	return nil
}

// replace writes the file as a whole: a reader sees the old one or the new one.
func (f *memoryFile) replace(path string, b []byte) error {
	file, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(b)
	if f.durable && err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
