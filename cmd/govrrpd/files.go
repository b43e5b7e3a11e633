package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// errHeld says that another process has the lock.
var errHeld = errors.New("another process holds it")

// lockFile takes the lock that says who lives in a runtime folder. The kernel lets go of it when the process ends, however it
// ends. The error is errHeld when somebody else has it.
func lockFile(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = errHeld
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}

// awaitLock is lockFile for somebody whose predecessor may be about to end; it gives up after patience, or when ctx ends.
func awaitLock(ctx context.Context, path string, patience time.Duration) (*os.File, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	retry := time.NewTicker(10 * time.Millisecond)
	defer retry.Stop()
	for {
		f, err := lockFile(path)
		if !errors.Is(err, errHeld) {
			return f, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-retry.C:
		}
	}
}

// withRights adds to an error for want of rights what would give them.
func withRights(err error, rights string) error {
	if errors.Is(err, fs.ErrPermission) { // EPERM and EACCES
		return fmt.Errorf("%w: run as root, or with %s", err, rights)
	}
	return err
}

// maxSocketPath is the room in struct sockaddr_un, less its final zero byte.
const maxSocketPath = 107

// listenUnix listens on path in place of a dead predecessor; the caller holds the lock that proves it dead. Only the owner may
// connect.
func listenUnix(path string) (net.Listener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("%s: the path of a socket has at most %d bytes, this one has %d: give a shorter --socket", path, maxSocketPath, len(path))
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}

// saveJSON replaces the file at path as a whole: a reader sees the old value or the new one.
func saveJSON(path string, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// loadJSON reads what saveJSON wrote; a file that is not there leaves value as it is.
func loadJSON(path string, value any) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, value); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
