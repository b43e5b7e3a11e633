package ipvs

// A Listed is a service of the kernel's table with everything that the kernel tells of it.
type Listed struct {
	Service Service
	Stats   Stats
	Rates   Rates
	Servers []ListedServer // in the order of the kernel's list, the newest first
}

// A ListedServer is a destination of the kernel's table with everything that the kernel tells of it.
type ListedServer struct {
	Dest  Dest
	Load  Load
	Stats Stats
	Rates Rates
}

// decodeListed reads the nested attribute of a service with its statistics. ok is as of decodeService.
func decodeListed(b []byte) (l Listed, ok bool, err error) {
	if l.Service, ok, err = decodeService(b); err != nil || !ok {
		return l, ok, err
	}
	l.Stats, l.Rates, err = parseFields(b).decodeStats(svcStats64, svcStats)
	return l, err == nil, err
}

// decodeListedServer reads the nested attribute of a destination with its statistics.
func decodeListedServer(b []byte) (s ListedServer, err error) {
	if s.Dest, s.Load, err = decodeDest(b); err != nil {
		return s, err
	}
	s.Stats, s.Rates, err = parseFields(b).decodeStats(destStats64, destStats)
	return s, err
}
