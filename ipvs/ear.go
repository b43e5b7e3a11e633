package ipvs

import (
	"net/netip"
	"time"
)

// A SyncHeard is the last message of another director's sync daemon that came to a backup and was looked at: one after each read, as the kernel itself
// tells of none. The zero value is that there was none since the daemon is known.
type SyncHeard struct {
	ID   uint8
	From netip.Addr
	At   time.Time
}

// syncHeader is the length of the shorter header, that of version 0: number of connections, sync_id, length in 16 bits. Version 1 has a zero in place
// of the number.
const syncHeader = 4

// parseSyncID returns the sync_id of a message.
func parseSyncID(message []byte) (id uint8, ok bool) {
	if len(message) < syncHeader {
		return 0, false
	}
	return message[1], true
}

// ignoredBy reports whether a backup with this sync_id takes nothing of what was heard. One with 0 takes in everything.
func (h SyncHeard) ignoredBy(id uint8) bool { return !h.At.IsZero() && id != 0 && h.ID != id }
