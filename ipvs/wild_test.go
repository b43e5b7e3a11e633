package ipvs

import (
	"math/rand/v2"
	"net/netip"
	"time"
)

// A wild makes random tables and changes of every kind; seeded alike it makes the same.
type wild struct{ *rand.Rand }

func newWild(seed uint64) wild { return wild{rand.New(rand.NewPCG(seed, 2))} }

func pick[T any](w wild, of ...T) T { return of[w.IntN(len(of))] }

// key is one of few, so that changes meet what is there.
func (w wild) key() Key {
	if w.IntN(3) == 0 {
		return Key{Mark: 1 + w.Uint32N(2), Family: pick(w, V4, V6)}
	}
	return Key{Proto: pick(w, TCP, UDP, SCTP), Addr: netip.MustParseAddrPort(pick(w, "192.0.2.10:80", "192.0.2.10:0", "[2001:db8::10]:80"))}
}

// service is one that the kernel takes.
func (w wild) service(k Key) Service {
	s := svc(k, pick(w, "rr", "wrr", "wlc", "sh", "mh", "dh", "fo"))
	if w.IntN(2) == 0 || k.Mark == 0 && k.Addr.Port() == 0 {
		s.Persistence = time.Duration(1+w.IntN(9)) * time.Minute
		s.Netmask = pick(w, PrefixMask(s.AF(), 24), PrefixMask(s.AF(), 1), SingleClient(s.AF()))
		if s.AF() == V4 {
			s.Netmask = pick(w, s.Netmask, 0xff00ff00)
		}
	}
	if s.Persistence > 0 && k.Proto == UDP {
		s.Engine = pick(w, "", "sip")
	}
	s.Flags = pick[uint32](w, 0, 0, 0x4, 0x8, 0x38)
	return s
}

// dest is one that a service of family f takes.
func (w wild) dest(f Family) Dest {
	d := Dest{Forward: pick(w, NAT, TUN, DR), Weight: pick(w, 0, 1, 10, MaxWeight)}
	if w.IntN(2) == 0 {
		d.Upper = w.Uint32N(3) * 50
		d.Lower = w.Uint32N(d.Upper + 1)
	}
	at := map[Family][]string{V4: {"10.0.0.1:80", "10.0.0.1:81", "10.0.0.2:80", "127.0.0.1:80"}, V6: {"[2001:db8::1]:80", "[2001:db8::1]:0", "[2001:db8::2]:80"}}
	if d.Forward == TUN {
		f = pick(w, V4, V6)
		d.Tunnel = pick(w, Tunnel{}, Tunnel{GUE, 6080, 0}, Tunnel{GUE, 1, TunnelRemoteChecksum}, Tunnel{GRE, 0, TunnelChecksum})
	}
	d.Addr = netip.MustParseAddrPort(pick(w, at[f]...))
	return d
}

func (w wild) table() Table {
	t := Table{}
	for range w.IntN(6) {
		e := entry(w.service(w.key()))
		for range w.IntN(5) {
			e.put(w.dest(e.Service.AF()))
		}
		t[e.Service.Key] = e
	}
	return t
}

// ops are n changes that may well be refused: of what is not there, of what is there already, with values that the kernel does not take.
func (w wild) ops(n int) []Op {
	ops := make([]Op, n)
	for i := range ops {
		op := Op{Verb: pick(w, AddService, EditService, DeleteService, AddDest, AddDest, EditDest, DeleteDest)}
		k := w.key()
		op.Service.Key = k
		switch op.Verb {
		case AddService, EditService:
			op.Service = w.service(k)
			w.spoilService(&op.Service)
		case AddDest, EditDest:
			op.Dest = w.dest(pick(w, k.AF(), V4, V6))
			w.spoilDest(&op.Dest)
		case DeleteDest:
			op.Dest.Addr = w.dest(k.AF()).Addr
		}
		ops[i] = op
	}
	return ops
}

func (w wild) spoilService(s *Service) {
	switch w.IntN(8) {
	case 0:
		s.Scheduler = "nonsense"
	case 1:
		s.Engine = "nonsense"
	case 2:
		if s.AF() == V6 {
			s.Netmask = pick[Netmask](w, 0, 129)
		}
	}
}

func (w wild) spoilDest(d *Dest) {
	switch w.IntN(8) {
	case 0:
		d.Weight = -1
	case 1:
		d.Lower = d.Upper + 1
	case 2:
		d.Tunnel = Tunnel{Kind: GUE}
	}
}
