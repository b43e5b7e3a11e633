package nft

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRefusalIsOneLine(t *testing.T) {
	none := errors.Join(fmt.Errorf("conn.Receive: %w", unix.EOPNOTSUPP), unix.ENOENT)
	if got := Refusal(none); !errors.Is(got, ErrNoTables) {
		t.Errorf("without nftables: %v", got)
	}
	if got := Refusal(errors.Join(unix.EPERM, unix.ENOENT)); got.Error() != unix.EPERM.Error() {
		t.Errorf("without rights: %q", got)
	}
}
