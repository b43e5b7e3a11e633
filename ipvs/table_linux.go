package ipvs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// procFile lists the destinations of all services, which netlink gives for one service at a time.
const procFile = "/proc/thread-self/net/ip_vs"

// Table reads every service with its destinations. The kernel gives no consistent picture of a table that changes
// meanwhile: a service that only one of the two ways of reading has seen is asked for by itself, and so are the destinations of those
// of which /proc does not show the whole truth (see memory).
func (n *Netlink) Table() (Table, error) {
	if err := n.resolve(); err != nil {
		return nil, fmt.Errorf("ipvs: %w", err)
	}
	services, err := n.services()
	if err != nil {
		return nil, fmt.Errorf("ipvs: read services: %w", err)
	}
	dests, err := n.readProc()
	if err != nil {
		return nil, fmt.Errorf("ipvs: read %s: %w", procFile, err)
	}
	table, unsure := join(services, dests)
	n.memory.forget(table)
	for _, k := range slices.Concat(n.memory.unsure(table), unsure) {
		if err := n.refresh(table, k); err != nil {
			return nil, fmt.Errorf("ipvs: read %s: %w", k, err)
		}
	}
	return table, nil
}

// refresh reads one service into table by itself, or takes it out when it is gone. Of a service that is in table already only the
// destinations are asked for, unless none are left: the kernel answers the same when it is gone.
func (n *Netlink) refresh(table Table, k Key) error {
	e := Entry{Service: table[k].Service}
	_, ok := table[k]
	if ok {
		if err := n.dests(&e); err != nil {
			return err
		}
	}
	if len(e.Dests) == 0 {
		var err error
		if e, ok, err = n.entry(k); err != nil {
			return err
		}
	}
	delete(table, k)
	if ok {
		table[k] = e
		n.memory.learn(k, e.Dests)
	}
	return nil
}

func (n *Netlink) services() (map[Key]Service, error) {
	n.out.b = n.out.b[:0]
	n.out.end(n.out.message(n.family, nlRequest|nlDump, n.next(), cmdGetService))
	found := map[Key]Service{}
	err := n.exchange(func(body []byte) error {
		return eachService(body, func(s Service) { found[s.Key] = s })
	})
	return found, err
}

func eachService(body []byte, f func(Service)) error {
	b, err := nested(body, attrService)
	if err != nil || b == nil {
		return err
	}
	s, ok, err := decodeService(b)
	if ok {
		f(s)
	}
	return err
}

// entry reads one service; ok is false when there is none.
func (n *Netlink) entry(k Key) (e Entry, ok bool, err error) {
	n.out.b = n.out.b[:0]
	at := n.out.message(n.family, nlRequest|nlAck, n.next(), cmdGetService)
	n.out.key(k)
	n.out.end(at)
	err = n.exchange(func(body []byte) error {
		return eachService(body, func(s Service) { e.Service, ok = s, true })
	})
	if errors.Is(err, unix.ESRCH) {
		return e, false, nil
	}
	if err != nil || !ok {
		return e, false, err
	}
	err = n.dests(&e)
	return e, err == nil, err
}

// dests reads the destinations of the service of e into e.
func (n *Netlink) dests(e *Entry) error {
	n.out.b = n.out.b[:0]
	at := n.out.message(n.family, nlRequest|nlDump, n.next(), cmdGetDest)
	n.out.key(e.Service.Key)
	n.out.end(at)
	return n.exchange(func(body []byte) error {
		b, err := nested(body, attrDest)
		if err != nil || b == nil {
			return err
		}
		d, l, err := decodeDest(b)
		e.Dests, e.Loads = append(e.Dests, d), append(e.Loads, l)
		return err
	})
}

// readProc reads the destinations of all services. A file whose module was unloaded and loaded again is opened anew.
func (n *Netlink) readProc() (map[Key]*Entry, error) {
	table, err := n.slurp()
	if err != nil {
		if err := n.openProc(); err != nil {
			return nil, err
		}
		table, err = n.slurp()
	}
	return table, err
}

func (n *Netlink) slurp() (map[Key]*Entry, error) {
	if _, err := n.proc.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return parseProc(n.proc)
}

func (n *Netlink) openProc() error {
	f, err := os.Open(procFile)
	if err != nil {
		return fmt.Errorf("IPVS table: %w", err)
	}
	if n.proc != nil {
		n.proc.Close()
	}
	n.proc = f
	return nil
}
