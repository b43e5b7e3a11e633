// Package bfd is Bidirectional Forwarding Detection, asynchronous mode, over one hop or several, IPv4 and IPv6: it tells within
// milliseconds whether packets get to a neighbour and back. Echo, authentication and demand mode of our own are not in it; a neighbour's
// demand bit is honoured.
//
// # States
//
// The label of an arrow is what the neighbour says, or what happens here (RFC 5880 section 6.2).
//
//	                         down
//	            ┌────────────────────────────┐
//	            │                            ▼
//	         ┌──────┐ detection time, gone ┌──────┐
//	         │ down │ ◄─────────────────── │ init │
//	         └──────┘                      └──────┘
//	          │    ▲                           │
//	     init │    │ down, gone,               │ init, up
//	          ▼    │ detection time            ▼
//	         ┌───────────────────────────────────┐
//	         │                up                 │
//	         └───────────────────────────────────┘
//
//	any        ──► admin down   Config.AdminDown, or the session is removed
//	admin down ──► down         Config.AdminDown is taken back
//
// Gone is the neighbour's admin down.
//
// # Where the RFCs are
//
//	RFC 5880     what                                                    here
//	4.1          control packet                                          Packet, ParsePacket, Packet.Append
//	6.1          active and passive role                                 Config.Passive, Session.Speaks
//	6.3          demultiplexing by discriminator                         Engine
//	6.5          Poll Sequence                                           Poll, Session.answered
//	6.6          demand mode of the neighbour                            Session.Interval
//	6.8.1        state variables                                         Session, Remote, Config
//	6.8.2        timer negotiation                                       Session.Interval, Session.DetectionTime
//	6.8.3        changing timers; at least 1 s while not up              Session.retime
//	6.8.4        detection time                                          Session.DetectionTime, Expired
//	6.8.6        receiving                                               ParsePacket, Engine (which session), receive
//	6.8.7        transmitting, jitter                                    Session.Interval, Session.Packet, Jitter
//	6.8.16       administrative control                                  Config.AdminDown, Configured
//	RFC 5881 4   UDP port 3784, source port from 49152 on                UDP
//	RFC 5881 5   TTL 255 (GTSM)                                          Config.MinTTL, DropTTL
//	RFC 5881 3   a first packet finds its session by address and link    Engine
//	RFC 5883 4.1 UDP port 4784                                           UDP
//
// # Who owns what
//
//	wire ─► Network ─► ParsePacket ─► Engine ─► Step ─► Engine ─► Network ─► wire
//	                        │           │                 └─────► Report
//	                        └─ Reason ──┴─► Drops
//
// ParsePacket, Step and everything a Session computes are pure functions: no clock, no randomness, no I/O. An Engine owns all sessions and
// their deadlines, under one lock, and reads the sockets under it too: who has the lock and finds no packet knows that there is none, so
// a process that was stopped does not take a living neighbour for dead while its packets wait in the socket.
package bfd
