package ipvs

import (
	"net/netip"
	"testing"
)

func TestParseSyncLoad(t *testing.T) {
	const udp = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
   12: 510000E0:2290 00000000:0000 07 00000000:00000300 00:00000000 00000000     0        0 1371 2 0000000062e5e000 7
   13: 510000E0:2291 00000000:0000 07 00000000:00000010 00:00000000 00000000     0        0 1372 2 0000000062e5e000 1
   14: 510000E0:0035 00000000:0000 07 00000000:00000010 00:00000000 00000000     0        0 1372 2 0000000062e5e000 100
   15: 0100000A:D431 510000E0:2290 01 00000020:00000000 00:00000000 00000000     0        0 1373 2 0000000062e5e000 0
   16: 0100000A:D432 520000E0:2290 01 00000040:00000000 00:00000000 00000000     0        0 1374 2 0000000062e5e000 5
   17: zz
`
	const udp6 = ` 1: 000002FF000000000000000081000000:2290 00000000000000000000000000000000:0000 07 00000000:00000001 00:00000000 00000000 0 0 1 2 0 3
`
	six := Daemon{State: SyncBackup, Group: netip.MustParseAddr("ff02::81")}.filled()
	for _, tt := range []struct {
		text string
		d    Daemon
		want SyncLoad
	}{
		{udp, Daemon{State: SyncBackup}.filled(), SyncLoad{Queued: 0x310, Dropped: 8}},
		{udp, Daemon{State: SyncMaster}.filled(), SyncLoad{Queued: 0x20}},
		{udp, six, SyncLoad{}},
		{udp6, six, SyncLoad{Queued: 1, Dropped: 3}},
	} {
		if got := parseSyncLoad(tt.text, tt.d); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.d, got, tt.want)
		}
	}
}
