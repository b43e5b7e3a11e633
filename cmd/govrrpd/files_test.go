package main

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/ipvs"
)

func TestLockHasOneHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "director.lock")
	first, err := lockFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockFile(path); err == nil {
		t.Error("a second holder got the lock")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := lockFile(path)
	if err != nil {
		t.Fatalf("the lock of a holder that is gone: %v", err)
	}
	_ = second.Close()
}

func TestListenUnixTakesThePlaceOfADeadListener(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	dead, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = dead.Close()
	l, err := listenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("mode %o, want 600: others may not command the daemon", got)
	}
}

func TestSavedJSONLoads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ipvs-services.json")
	var got ipvs.Owned
	if err := loadJSON(path, &got); err != nil || got.Services != nil {
		t.Fatalf("a missing file: %v, %v", got, err)
	}
	want := ipvs.Owned{Services: []ipvs.Key{{Proto: ipvs.UDP, Addr: netip.MustParseAddrPort("192.0.2.10:53")}}}
	for range 2 { // the second replaces the first
		if err := saveJSON(path, want); err != nil {
			t.Fatal(err)
		}
	}
	if err := loadJSON(path, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(netip.AddrPort{}), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := loadJSON(path, &got); err == nil {
		t.Error("a broken file gives no error")
	}
}
