package ipvs

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// The kernel's table of connections, and what it has counted of all of them. Anybody may read both.
const (
	connsFile  = "/proc/thread-self/net/ip_vs_conn"
	totalsFile = "/proc/thread-self/net/ip_vs_stats"
)

// List reads all services with their real servers and statistics, in the order of the kernel's table. It asks for the servers of one service
// after the other, some tenths of a millisecond each, and is for those who ask now and then: Table is cheaper. A service that goes
// away meanwhile is left out or has no servers.
func (n *Netlink) List() ([]Listed, error) {
	if err := n.resolve(); err != nil {
		return nil, fmt.Errorf("ipvs: %w", explainRead(err))
	}
	var list []Listed
	n.command(cmdGetService, nlDump)
	err := n.exchange(func(body []byte) error {
		b, err := nested(body, attrService)
		if err != nil || b == nil {
			return err
		}
		l, ok, err := decodeListed(b)
		if ok {
			list = append(list, l)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ipvs: read services: %w", explainRead(err))
	}
	for i := range list {
		if list[i].Servers, err = n.listServers(list[i].Service.Key); err != nil {
			return nil, fmt.Errorf("ipvs: read %s: %w", list[i].Service.Key, explainRead(err))
		}
	}
	return list, nil
}

func (n *Netlink) listServers(k Key) (list []ListedServer, err error) {
	n.out.b = n.out.b[:0]
	at := n.out.message(n.family, nlRequest|nlDump, n.next(), cmdGetDest)
	n.out.key(k)
	n.out.end(at)
	err = n.exchange(func(body []byte) error {
		b, err := nested(body, attrDest)
		if err != nil || b == nil {
			return err
		}
		s, err := decodeListedServer(b)
		list = append(list, s)
		return err
	})
	return list, err
}

// OpenConnections opens the table of connections of the network namespace that the calling thread is in, for EachConnection. It needs no privilege.
// Where there is none it fails with ErrNoIPVS.
func OpenConnections() (io.ReadCloser, error) { return openProcOf(connsFile) }

// Totals returns what the kernel has counted of all services of the network namespace that the calling thread is in. It needs no privilege.
// Where the kernel has no IPVS it fails with ErrNoIPVS.
func Totals() (Stats, Rates, error) {
	f, err := openProcOf(totalsFile)
	if err != nil {
		return Stats{}, Rates{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return Stats{}, Rates{}, fmt.Errorf("ipvs: %w", err)
	}
	s, r, err := parseTotals(string(text))
	if err != nil {
		err = fmt.Errorf("ipvs: read %s: %w", totalsFile, err)
	}
	return s, r, err
}

// openProcOf opens a file that IPVS has below /proc. It loads nothing: without the module there is nothing to tell.
func openProcOf(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("ipvs: %w, or it is not loaded: `modprobe ip_vs` loads it, in a container that has to be done on the host (%w)", ErrNoIPVS, err)
	}
	if err != nil {
		return nil, fmt.Errorf("ipvs: %w", err)
	}
	return f, nil
}
