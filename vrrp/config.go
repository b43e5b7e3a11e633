package vrrp

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Version is a version of the protocol on the wire.
type Version uint8

// The two versions in use: V2 is RFC 3768, V3 is RFC 5798 and RFC 9568.
const (
	V2 Version = 2
	V3 Version = 3
)

// Form is the rule by which the checksum of a version 3 advert over IPv4 is computed; RFC 5798 could be read in two ways,
// and both are in the field. Version 2 knows FormMessage only.
type Form uint8

// FormAuto accepts every form, and sends to a peer the one that the peer uses (FormPseudoHeader until it was heard).
const (
	FormAuto         Form = iota
	FormPseudoHeader      // message and IPv4 pseudo-header: keepalived, FRR
	FormMessage           // message only: RFC 9568 section 5.2.8, most hardware routers
	FormOldUnicast        // unicast with a pseudo-header that names 224.0.0.18: keepalived 1.3.6 and earlier
	// FormAny accepts whatever a unicast peer sends, and sends FormMessage to it. It is for keepalived with v3_checksum_as_v2 and several
	// peers: all but the first of them get a checksum that is wrong under every form.
	FormAny
	// FormNone is what ParsePacket found when no form matched.
	FormNone
)

// Limits and defaults of RFC 9568 sections 5.2 and 6.1, and of RFC 3768 section 5.3.7.
const (
	PriorityOwner   = 255 // the router that has the virtual address as its own
	PriorityDefault = 100
	PriorityResign  = 0 // "I am leaving", in adverts only
	priorityLowest  = 1 // of those that take part

	MinAdvertInterval   = 10 * time.Millisecond    // version 3: 1 centisecond
	MaxAdvertInterval   = 40950 * time.Millisecond // version 3: 12 bits of centiseconds
	MaxAdvertIntervalV2 = 255 * time.Second        // version 2: one byte of seconds

	// MaxAddresses is what the one-byte count of an advert can say.
	MaxAddresses = 255
	// MaxPassword is the length of a version 2 simple password, RFC 2338 section 5.3.6.2, in bytes.
	MaxPassword = 8
)

// Group4 is the multicast group of VRRP over IPv4, RFC 9568 section 5.1.1.2.
var Group4 = netip.AddrFrom4([4]byte{224, 0, 0, 18})

// A Config is what one virtual router is told. It is never changed after it was handed over: a reload makes a new one.
type Config struct {
	Name           string        // unique; what logs and status call it
	Interface      string        // where adverts are sent and heard
	VRID           uint8         // 1-255
	Version        Version       // V2 or V3
	Priority       uint8         // 1-254, or PriorityOwner
	AdvertInterval time.Duration // V3: 10 ms to 40.95 s in steps of 10 ms; V2: whole seconds, 1 to 255
	NoPreempt      bool          // a backup obeys a master of lower priority (RFC 9568 Preempt_Mode False)

	// QuietYield makes a master that hears a better one go without a word, as RFC 9568 section 6.4.3 has it. Otherwise it sends
	// one last advert first: the winner of a healed partition learns that there was a second master, and announces again.
	QuietYield bool

	Options // keepalived's additions

	// GlobalFirst lets the first advertised IPv6 address be other than link-local, here and in adverts of others. RFC 9568 section 5.2.9 and
	// its erratum 8300 forbid both; keepalived sends whatever it is told.
	GlobalFirst bool

	Checksum Form         // V3 over IPv4 only: FormAuto, FormPseudoHeader or FormMessage
	Password string       // V2 only: simple password, 1 to 8 bytes; empty for none
	AH       bool         // V2 only: Password is the key of an authentication header, and not sent
	HMAC     *HMAC        // signed adverts; nil for none
	Source   netip.Addr   // source of adverts; the zero Addr means the primary address of Interface
	Peers    []netip.Addr // unicast peers; empty for multicast

	PeerForms map[netip.Addr]Form // of Peers; in place of Checksum for those

	Addresses []Address
	Routes    []HeldRoute // added after the addresses, removed before them
	Rules     []Rule      // added after the routes, removed before them
	OnLoss    LossPolicy
	Announce  Announce
	// VerifyAddresses is how often a master asks the network whether another host answers for its addresses, 1 s to 24 h; 0 for never.
	VerifyAddresses time.Duration
	RA              *RouterAdvertisement // IPv6: what a master tells hosts; nil for nothing

	Track []Tracker // each source once

	// NoAccept drops what is sent to the virtual addresses, RFC 9568 Accept_Mode False, but for neighbour discovery. The owner of the addresses
	// accepts it all the same.
	NoAccept bool

	VMAC *VMAC // the router has a hardware address of its own; nil for none

	// IgnoreLink lets the router take part though its interface is down, as keepalived's dont_track_primary.
	IgnoreLink bool
	// PromoteSecondaries sets the interface's sysctl of that name while the router is attached, as keepalived's keyword does.
	PromoteSecondaries bool
}

// An Address is one virtual address.
type Address struct {
	Prefix    netip.Prefix
	Interface string // empty: the router's own
	Label     string // IPv4 only, at most 15 bytes; empty for none
	Excluded  bool   // held, but not named in adverts
	AddressOptions
}

// Unicast reports whether adverts go to configured peers instead of the multicast group.
func (c *Config) Unicast() bool { return len(c.Peers) > 0 }

// Advertised returns the addresses that adverts name, in configured order.
func (c *Config) Advertised() []netip.Addr {
	var out []netip.Addr
	for _, a := range c.Addresses {
		if !a.Excluded {
			out = append(out, a.Prefix.Addr())
		}
	}
	return out
}

// Destinations returns where each advert is sent: the multicast group, or every peer over each of its paths.
func (c *Config) Destinations() []netip.Addr {
	if c.Unicast() {
		out := slices.Clone(c.Peers)
		for _, p := range c.Paths {
			out = append(out, p.Address)
		}
		return out
	}
	return []netip.Addr{c.MulticastGroup()}
}

// Validate returns every rule of the protocol that c breaks, joined. The caller adds the place in the file.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.VRID == 0 {
		bad("virtual_router_id is 0, want 1 to 255")
	}
	if c.Priority == 0 {
		bad("priority is 0, want 1 to 254, or 255 for the owner of the address")
	}
	if c.Priority == PriorityOwner && c.NoPreempt {
		bad("priority 255 (the owner) always preempts: remove preempt = false or lower the priority")
	}
	if err := c.validateVersion(); err != nil {
		errs = append(errs, err)
	}
	if len(c.Advertised()) == 0 && !c.AllowNoAddresses {
		bad("no advertised virtual address: an advert names at least one")
	}
	if err := c.validateFamily(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(append(errs, c.validateEnds(), c.validateForms(), c.validateTrack(), c.validateOptions(), c.validateHMAC(), c.validateVMAC(), c.validateRA(), c.validateHeld(), c.validateAnnounce())...)
}

// validateEnds checks where adverts come from and go to.
func (c *Config) validateEnds() error {
	var errs []error
	f := c.Family()
	if c.Source.IsValid() && FamilyOf(c.Source) != f {
		errs = append(errs, fmt.Errorf("source %s is not %s, and the virtual addresses are", c.Source, f))
	}
	for i, p := range c.Peers {
		switch {
		case FamilyOf(p) != f:
			errs = append(errs, fmt.Errorf("peer %s is not %s, and the virtual addresses are", p, f))
		case p.IsMulticast() || p.IsUnspecified():
			errs = append(errs, fmt.Errorf("peer %s is not the address of a router: remove unicast for multicast", p))
		case p == c.Source:
			errs = append(errs, fmt.Errorf("peer %s is our own source: name the other routers only", p))
		case slices.Contains(c.Peers[:i], p):
			errs = append(errs, fmt.Errorf("peer %s is named twice", p))
		}
	}
	return errors.Join(errs...)
}

func (c *Config) validateVersion() error {
	switch c.Version {
	case V2:
		return c.validateV2()
	case V3:
		return c.validateV3()
	}
	return fmt.Errorf("version is %d, want 2 or 3", c.Version)
}

func (c *Config) validateV2() error {
	var errs []error
	if i := c.AdvertInterval; i < time.Second || i > MaxAdvertIntervalV2 || i%time.Second != 0 {
		errs = append(errs, fmt.Errorf("advert_interval is %s, version 2 knows whole seconds from 1s to 255s; version 3 knows shorter ones", i))
	}
	if c.AH && c.Password == "" {
		errs = append(errs, errors.New("the authentication header has no password"))
	}
	if len(c.Password) > MaxPassword {
		errs = append(errs, fmt.Errorf("password has %d bytes, version 2 carries %d", len(c.Password), MaxPassword))
	}
	if c.Checksum != FormAuto && c.Checksum != FormMessage {
		errs = append(errs, errors.New("version 2 has one checksum form (message): remove checksum"))
	}
	return errors.Join(errs...)
}

func (c *Config) validateV3() error {
	var errs []error
	if i := c.AdvertInterval; i < MinAdvertInterval || i > MaxAdvertInterval || i%MinAdvertInterval != 0 {
		errs = append(errs, fmt.Errorf("advert_interval is %s, want 10ms to 40.95s in steps of 10ms", i))
	}
	if c.Checksum > FormMessage {
		errs = append(errs, errors.New(`checksum is unknown, want "auto", "pseudo-header" or "message"`))
	}
	if c.Password != "" || c.AH {
		errs = append(errs, errors.New("version 3 has no password authentication (RFC 9568 section 9): remove it or use version 2"))
	}
	return errors.Join(errs...)
}
