package ipvs

import "encoding/binary"

// Attributes of statistics, from linux/ip_vs.h (IPVS_STATS_ATTR_), and where a service and a destination have them.
const (
	svcStats   = 10
	svcStats64 = 12 // Linux 4.1 and later

	destStats   = 10
	destStats64 = 12

	statsConns    = 1
	statsInPkts   = 2
	statsOutPkts  = 3
	statsInBytes  = 4
	statsOutBytes = 5
	statsCPS      = 6
	statsInPPS    = 7
	statsOutPPS   = 8
	statsInBPS    = 9
	statsOutBPS   = 10
)

// Stats are what the kernel has counted of a service or a real server since it was made, or since somebody set its counters to zero. With NAT both
// directions are counted, with TUN and DR only what comes from the clients. A kernel older than 4.1 counts connections and packets up to 2^32 and
// begins anew.
type Stats struct {
	Connections uint64 `json:"connections"`
	InPackets   uint64 `json:"in_packets"` // from the clients
	OutPackets  uint64 `json:"out_packets"`
	InBytes     uint64 `json:"in_bytes"`
	OutBytes    uint64 `json:"out_bytes"`
}

// Rates are the kernel's own estimates of the same per second, which follow a change within some ten seconds. They stay 0 where
// net.ipv4.vs.run_estimation is 0.
type Rates struct {
	Connections uint64 `json:"connections_per_second"`
	InPackets   uint64 `json:"in_packets_per_second"`
	OutPackets  uint64 `json:"out_packets_per_second"`
	InBytes     uint64 `json:"in_bytes_per_second"`
	OutBytes    uint64 `json:"out_bytes_per_second"`
}

// decodeStats reads the statistics among the attributes of a service or destination: those of 64 bits where the kernel has them, and
// those of 32 otherwise.
func (f *fields) decodeStats(wide, narrow uint16) (s Stats, r Rates, err error) {
	read := (*fields).uint64
	nest := f.values[wide]
	if nest == nil {
		read, nest = (*fields).counter, f.values[narrow]
	}
	n := parseFields(nest)
	if n.err != nil {
		return s, r, n.err
	}
	s = Stats{read(n, statsConns), read(n, statsInPkts), read(n, statsOutPkts), n.uint64(statsInBytes), n.uint64(statsOutBytes)}
	r = Rates{read(n, statsCPS), read(n, statsInPPS), read(n, statsOutPPS), read(n, statsInBPS), read(n, statsOutBPS)}
	return s, r, n.err
}

func (f *fields) uint64(typ uint16) uint64 { return binary.NativeEndian.Uint64(f.take(typ, 8)) }

// counter is one of 32 bits.
func (f *fields) counter(typ uint16) uint64 { return uint64(f.uint32(typ)) }
