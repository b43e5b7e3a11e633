package main

import (
	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/ipvs/ipvsadm"
)

// A tableJSON is the kernel's table with all that it counts.
type tableJSON struct {
	Services []serviceJSON `json:"services"`
}

type serviceJSON struct {
	Protocol       string       `json:"protocol,omitempty"` // tcp, udp or sctp; not of a mark
	Address        string       `json:"address,omitempty"`  // with the port; not of a mark
	Mark           uint32       `json:"mark,omitempty"`
	Family         string       `json:"family"` // ipv4 or ipv6
	Scheduler      string       `json:"scheduler"`
	SchedulerFlags []string     `json:"scheduler_flags"`
	OnePacket      bool         `json:"one_packet"`
	Persistence    float64      `json:"persistence_seconds"`
	ClientMask     string       `json:"client_mask,omitempty"` // clients that it does not tell apart persist together
	Engine         string       `json:"persistence_engine,omitempty"`
	Stats          ipvs.Stats   `json:"stats"`
	Rates          ipvs.Rates   `json:"rates"`
	Servers        []serverJSON `json:"real_servers"`
}

type serverJSON struct {
	Address    string      `json:"address"`
	Forward    string      `json:"forward"` // nat, dr or tun
	Tunnel     *tunnelJSON `json:"tunnel,omitempty"`
	Weight     int         `json:"weight"`
	Upper      uint32      `json:"upper_threshold"`
	Lower      uint32      `json:"lower_threshold"`
	Active     int         `json:"active_connections"`
	Inactive   int         `json:"inactive_connections"`
	Persistent int         `json:"persistent_connections"`
	Stats      ipvs.Stats  `json:"stats"`
	Rates      ipvs.Rates  `json:"rates"`
}

type tunnelJSON struct {
	Type     string `json:"type"` // ipip, gue or gre
	Port     uint16 `json:"port,omitempty"`
	Checksum string `json:"checksum"` // none, full or remote
}

func tableAsJSON(list []ipvs.Listed) tableJSON {
	t := tableJSON{Services: make([]serviceJSON, 0, len(list))}
	for _, l := range list {
		t.Services = append(t.Services, serviceAsJSON(l))
	}
	return t
}

func serviceAsJSON(l ipvs.Listed) serviceJSON {
	s := l.Service
	out := serviceJSON{Mark: s.Mark, Family: "ipv4", Scheduler: s.Scheduler, SchedulerFlags: nonNil(ipvsadm.SchedulerFlags(s)), OnePacket: ipvsadm.OnePacket(s),
		Persistence: s.Persistence.Seconds(), ClientMask: ipvsadm.ClientMask(s), Engine: s.Engine, Stats: l.Stats, Rates: l.Rates,
		Servers: make([]serverJSON, 0, len(l.Servers))}
	if s.AF() == ipvs.V6 {
		out.Family = "ipv6"
	}
	if s.Mark == 0 {
		out.Protocol, out.Address = s.Proto.String(), s.Addr.String()
	}
	for _, d := range l.Servers {
		out.Servers = append(out.Servers, serverJSON{Address: d.Dest.Addr.String(), Forward: d.Dest.Forward.String(), Tunnel: tunnelAsJSON(d.Dest), Weight: d.Dest.Weight,
			Upper: d.Dest.Upper, Lower: d.Dest.Lower, Active: d.Load.Active, Inactive: d.Load.Inactive, Persistent: d.Load.Persistent, Stats: d.Stats, Rates: d.Rates})
	}
	return out
}

func tunnelAsJSON(d ipvs.Dest) *tunnelJSON {
	if d.Forward != ipvs.TUN {
		return nil
	}
	t := &tunnelJSON{Type: d.Tunnel.Kind.String(), Port: d.Tunnel.Port, Checksum: "none"}
	switch {
	case d.Tunnel.Flags&ipvs.TunnelRemoteChecksum != 0:
		t.Checksum = "remote"
	case d.Tunnel.Flags&ipvs.TunnelChecksum != 0:
		t.Checksum = "full"
	}
	return t
}
