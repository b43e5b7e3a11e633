package kernel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/vrrp"
)

// objectGroups are the notices about routes and rules of both families.
const objectGroups = unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV6_ROUTE | unix.RTMGRP_IPV4_RULE | 1<<(unix.RTNLGRP_IPV6_RULE-1)

// openObjectEvents subscribes to routes and rules on a socket of its own: what a routing daemon does to a million routes must not keep
// the watcher from links and addresses. The kernel drops notices about routes that do not carry our mark before they are queued.
func openObjectEvents() (*eventSocket, error) {
	s, err := openEventGroups(1<<20, objectGroups)
	if err != nil {
		return nil, err
	}
	controlErr := s.raw.Control(func(fd uintptr) { err = attachFilter(int(fd), objectFilter()) })
	if err := errors.Join(err, controlErr); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// objectFilter accepts what is about a rule, or about a route with our mark.
func objectFilter() []bpf.Instruction {
	const typeAt, protocolAt = 4, nlHeaderLen + 5
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: typeAt, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: swapped(unix.RTM_NEWROUTE), SkipTrue: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: swapped(unix.RTM_DELROUTE), SkipTrue: 2},
		bpf.LoadAbsolute{Off: protocolAt, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: vrrp.RouteMark, SkipTrue: 1},
		bpf.RetConstant{Val: 0xffff},
		bpf.RetConstant{Val: 0},
	}
}

// swapped is how a filter, which reads in network order, sees a number in the order of this machine.
func swapped(v uint16) uint32 {
	return uint32(binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, v)))
}

// watchObjects has routes and rules compared whenever one of ours changed, until ctx ends. What it does not hear of is found when
// everything is read from time to time.
func (h *Host) watchObjects(ctx context.Context, s *eventSocket) {
	for {
		_, err := s.file.Read(s.buf)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !errors.Is(err, unix.ENOBUFS) {
			h.log.Error("routes and rules are not watched any more, and compared from time to time only", "error", fmt.Errorf("receive from netlink: %w", err))
			return
		}
		h.ledger.objectsDirty.Store(true)
		h.repair.ring()
	}
}
