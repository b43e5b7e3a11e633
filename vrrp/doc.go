// Package vrrp is the Virtual Router Redundancy Protocol, versions 2 (RFC 3768) and 3 (RFC 9568), over IPv4 and IPv6: which of several
// routers owns the virtual addresses of a segment. It has no sockets and touches no addresses; package vrrp/kernel does that.
//
// # Roles
//
// RFC 9568 says Initialize and Active for what operators call init and master. Fault is ours: a router that may not take part.
//
//	               Start (T02)                       Expired (T06)
//	┌──────┐ ────────────────────► ┌────────┐ ────────────────────────────► ┌────────┐
//	│ init │                       │ backup │                               │ master │
//	└──────┘ ◄──────────────────── └────────┘ ◄──────────────────────────── └────────┘
//	               Stop (T05)                   Received a better one (T14)
//
//	init   ──► master   Start of the owner (T01)
//	master ──► init     Stop, with a last advert of priority 0 (T11)
//	any    ──► fault    SetFault true; a master sends a last advert of priority 0
//	fault  ──► backup   SetFault false, as if started; the owner becomes master
//	fault  ──► init     Stop
//
// A fault that comes before Start takes the router from Init to Fault; when it ends, the router starts.
//
// A master whose process was stopped or starved for longer than the others wait (Overslept) is a master that listens for one interval
// and its skew before it speaks again: whoever took over meanwhile stays, and hears one word of priority 1, so that it announces its addresses again.
//
// # Beyond the RFCs
//
// Things that a router tracks change its priority or are a fault: Weigh. Several routers change role together: Together decides what
// an event means for the others of a sync group, Judge what a fault does, and HeldBack and Follow are what happens to them.
//
// # Where the RFCs are
//
//	RFC 9568        what                                          here
//	5.2, 5.2.8      packet format and checksum                    ParsePacket, Packet.Append, Form
//	6.1             parameters, Skew_Time, Active_Down_Interval   Config, Config.Validate, Skew, DownInterval
//	6.4.1           Initialize: T01-T03                           stepInit, begin
//	6.4.2           Backup: T04-T09                               stepBackup, backupReceives
//	6.4.3           Active: T10-T15                               stepMaster, masterReceives
//	7.1             receiving                                     ParsePacket (what needs no configuration), Admit, Differences
//	7.2             transmitting                                  NewPacket; destination, TTL and source: package kernel
//	8.1.2, 8.2.2    announcements by ARP and NA                   AnnounceAddresses; package kernel
//	8.2.3           router advertisements                         RouterAdvertisement; package kernel
//	RFC 3768 5.3    version 2 packet                              ParsePacket, Packet.Append
//	RFC 3768 7.1    version 2 receiving: interval must be equal   Admit
//	RFC 2338 5.3.6  version 2 simple password                     Admit, NewPacket
//
// Where we differ from RFC 9568, as keepalived does: the checksum includes a pseudo-header unless Config.Checksum is FormMessage; a
// master that yields says one last word, and holds the addresses for the moment that the better one needs to announce them (Retire),
// unless Config.QuietYield; a master that hears a worse one, or one that resigns, announces its addresses again.
//
// # Who owns what
//
//	wire ─► kernel ─► ParsePacket ─► Member.Receive ─► Admit ─► Together ─► Step ─► actions ─► Host (package kernel)
//	                      │                             │
//	                      └──────── Reason ─────────────┴─► Drops
//
// Step, Together, Judge, Weigh, Admit, ParsePacket, Differences and Why are pure functions: no clock, no logger, no randomness. A Group
// owns the State of its members, their timers and their receive queues, on the goroutine that calls Run; a Host owns sockets and addresses. A Config belongs to
// nobody: it is not changed once it was handed over.
package vrrp
