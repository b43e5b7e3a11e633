package ipvs

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// maxSyncPorts is how many sockets a daemon has at most, on ports that follow each other (sysctl sync_ports; IP_VS_SYNC_PORTS_MAX of linux/ip_vs.h).
const maxSyncPorts = 64

// parseSyncLoad adds up what the lines of /proc/net/udp or udp6 say of the sockets of d: those of a master are connected to its group, those
// of a backup bound to it.
func parseSyncLoad(text string, d Daemon) SyncLoad {
	var load SyncLoad
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 13 {
			continue
		}
		end, side := f[1], 1
		if d.State == SyncMaster {
			end, side = f[2], 0
		}
		if addr, ok := procSocket(end); !ok || addr.Addr() != d.Group || addr.Port() < d.Port || addr.Port() >= d.Port+maxSyncPorts {
			continue
		}
		queues := strings.Split(f[4], ":")
		if len(queues) != 2 {
			continue
		}
		queued, _ := strconv.ParseUint(queues[side], 16, 32)
		dropped, _ := strconv.Atoi(f[len(f)-1])
		load.Queued += int(queued)
		load.Dropped += dropped
	}
	return load
}

// procSocket reads "510000E0:2290", in which each 32 bits of the address are in the order of a little-endian machine.
func procSocket(text string) (netip.AddrPort, bool) {
	host, port, _ := strings.Cut(text, ":")
	b, err := hex.DecodeString(host)
	p, portErr := strconv.ParseUint(port, 16, 16)
	if err != nil || portErr != nil || len(b)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for word := range slices.Chunk(b, 4) {
		slices.Reverse(word)
	}
	a, ok := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(a, uint16(p)), ok
}
