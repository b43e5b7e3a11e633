package conf

import (
	"fmt"
	"iter"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/dynblock"
	"github.com/hashicorp/hcl/v2/gohcl"

	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/ipvs/mark"
)

// rawService is a virtual_server block.
type rawService struct {
	Name           string          `hcl:"name,label"`
	NameRange      hcl.Range       `hcl:"name,label_range"`
	Place          hcl.Range       `hcl:",def_range"`
	Address        *hcl.Attribute  `hcl:"address,optional"`
	Addresses      *hcl.Attribute  `hcl:"addresses,optional"`
	Group          *hcl.Attribute  `hcl:"group,optional"`
	Mark           *hcl.Attribute  `hcl:"fwmark,optional"`
	Family         *hcl.Attribute  `hcl:"family,optional"`
	Protocol       *hcl.Attribute  `hcl:"protocol,optional"`
	Scheduler      *hcl.Attribute  `hcl:"scheduler,optional"`
	SchedulerFlags *hcl.Attribute  `hcl:"scheduler_flags,optional"`
	OnePacket      *hcl.Attribute  `hcl:"one_packet,optional"`
	Forward        *hcl.Attribute  `hcl:"forward,optional"`
	SNAT           *hcl.Attribute  `hcl:"snat,optional"`
	Helper         *hcl.Attribute  `hcl:"helper,optional"`
	Upper          *hcl.Attribute  `hcl:"upper_threshold,optional"`
	Lower          *hcl.Attribute  `hcl:"lower_threshold,optional"`
	OnFailure      *hcl.Attribute  `hcl:"on_failure,optional"`
	UpWhen         *hcl.Attribute  `hcl:"up_when,optional"`
	Quorum         *hcl.Attribute  `hcl:"quorum,optional"`
	QuorumOf       *hcl.Attribute  `hcl:"quorum_of,optional"`
	Hysteresis     *hcl.Attribute  `hcl:"hysteresis,optional"`
	Alpha          *hcl.Attribute  `hcl:"alpha,optional"`
	Omega          *hcl.Attribute  `hcl:"omega,optional"`
	SorryInhibit   *hcl.Attribute  `hcl:"sorry_inhibit,optional"`
	Reentry        *hcl.Attribute  `hcl:"reentry_delay,optional"`
	Panic          *hcl.Attribute  `hcl:"panic_threshold,optional"`
	PanicWindow    *hcl.Attribute  `hcl:"panic_window,optional"`
	KeepLast       *hcl.Attribute  `hcl:"keep_last,optional"`
	NoSorry        *hcl.Attribute  `hcl:"no_sorry_server,optional"`
	SlowStart      *rawSlowStart   `hcl:"slow_start,block"`
	Flap           *rawFlap        `hcl:"flap_damping,block"`
	Matches        []rawMatch      `hcl:"match,block"`
	Tunnel         *rawTunnel      `hcl:"tunnel,block"`
	Persistence    *rawPersistence `hcl:"persistence,block"`
	Checks         []rawCheck      `hcl:"check,block"`
	Loads          []rawLoad       `hcl:"load,block"`
	Sorry          *rawSorry       `hcl:"sorry_server,block"`
	Servers        []rawServer     `hcl:"real_server,block"`
}

const (
	schedulerDefault = "wlc" // of ipvsadm and keepalived alike
	serviceExample   = "192.0.2.10:80"
	serverExample    = "10.0.0.11:8080"

	// maxPersistence is the bound of ipvsadm's -p, 31 days.
	maxPersistence = 31 * 24 * time.Hour
)

// A service is a virtual_server under construction.
type service struct {
	ipvs.VirtualServer
	raw       *rawService
	name      string               // `virtual_server "shop"`, as messages begin
	keyed     bool                 // placed is what the file says, and Key the first of it
	placed    []placedKey          // what the service takes
	blocks    []addressBlock       // of addresses or a group
	rules     []mark.Rule          // that mark the packets of match blocks, or of a group that is folded
	mixed     bool                 // some clients are of IPv4 and some of IPv6
	manyPorts bool                 // it has addresses with different ports
	server    ipvs.Dest            // what a real server has that does not say otherwise
	tunnel    ipvs.Tunnel          // of servers with forward = "tun" that have none of their own
	ways      []ipvs.VirtualServer // by which checks reach its servers as clients do
}

// services builds the virtual servers and the checks of their real servers, in file order.
func (d *decoder) services(groups []rawServiceGroup) ([]ipvs.VirtualServer, []Check) {
	var out []ipvs.VirtualServer
	var checks []Check
	names := map[string]hcl.Range{}
	keys := map[ipvs.Key]takenKey{}
	d.serviceGroups(groups)
	for raw := range d.rawServices() {
		d.name("virtual_server", raw.Name, raw.NameRange, names)
		d.serviceNames = append(d.serviceNames, element{text: raw.Name, at: raw.NameRange})
		s := &service{raw: raw, name: fmt.Sprintf("virtual_server %q", raw.Name)}
		d.serviceOptions(s)
		d.uniqueService(s, keys)
		theirs := d.servers(s)
		checks = append(checks, theirs...)
		d.sorryServer(s)
		d.care(s, theirs)
		d.defaultSorry(s)
		d.quorumOptions(s)
		d.attainable(s, theirs)
		d.helper(s)
		d.snat(s)
		d.refuses(s)
		out = append(append(out, s.built()), s.ways...)
		for _, r := range s.rules {
			r.Service = s.Name
			d.marks = append(d.marks, r)
		}
	}
	d.unusedGroups(groups)
	return out, checks
}

// rawServices decodes the virtual servers, in file order.
func (d *decoder) rawServices() iter.Seq[*rawService] {
	return func(yield func(*rawService) bool) {
		for i := range d.src.parts {
			var raw struct {
				Services []rawService `hcl:"virtual_server,block"`
			}
			diags := gohcl.DecodeBody(dynblock.Expand(d.src.parts[i].tree(), d.ctx), d.ctx, &raw)
			d.diags, d.undecoded = append(d.diags, diags...), d.undecoded || diags.HasErrors()
			for i := range raw.Services {
				if !yield(&raw.Services[i]) {
					return
				}
			}
		}
	}
}

// built returns the virtual server, which has the keys that were read.
func (s *service) built() ipvs.VirtualServer {
	v := s.VirtualServer
	v.Keys, v.Key = make([]ipvs.Key, len(s.placed)), ipvs.Key{}
	for i := range v.Keys {
		v.Keys[i] = s.placed[i].Key
	}
	return v
}

func (d *decoder) serviceOptions(s *service) {
	raw := s.raw
	s.VirtualServer = ipvs.VirtualServer{Name: raw.Name, Service: ipvs.Service{Scheduler: schedulerDefault}}
	s.keyed = d.serviceKey(s)
	choice(d, raw.Scheduler, ipvs.Schedulers(), ipvs.Schedulers(), &s.Scheduler)
	d.schedulerFlags(s)
	d.onePacket(s)
	choice(d, raw.OnFailure, []string{"remove", "quiesce"}, []ipvs.FailureAction{ipvs.Standard, ipvs.Quiesce}, &s.Failed)
	d.persistence(s)
	d.serverDefaults(s)
}

// serverDefaults reads what the service says for its servers.
func (d *decoder) serverDefaults(s *service) {
	d.forward(s.raw.Forward, &s.Forward)
	s.server = ipvs.Dest{Forward: s.Forward, Weight: 1}
	d.thresholds(s.raw.Upper, s.raw.Lower, s.name, &s.server)
	d.tunnelOptions(s.raw.Tunnel, s.name, &s.tunnel)
}

func (d *decoder) forward(a *hcl.Attribute, into *ipvs.Forward) {
	choice(d, a, []string{"nat", "dr", "tun"}, []ipvs.Forward{ipvs.NAT, ipvs.DR, ipvs.TUN}, into)
}

// A takenKey is the service that has a key, and where that is written.
type takenKey struct {
	service string // `virtual_server "shop"`
	at      hcl.Range
}

// uniqueService reports a service that the kernel's table could hold only once; of two that overlap the first key that both have.
func (d *decoder) uniqueService(s *service, keys map[ipvs.Key]takenKey) {
	if !s.keyed {
		return
	}
	told := map[hcl.Range]bool{}
	for _, k := range s.placed {
		first, again := keys[k.Key]
		if !again {
			keys[k.Key] = takenKey{s.name, k.at}
			continue
		}
		if told[k.at] {
			continue
		}
		told[k.at] = true
		d.takenTwice(k, first)
	}
}

func (d *decoder) takenTwice(k placedKey, first takenKey) {
	what, hint := "address", "give one of them another address, port or protocol, or make them one virtual_server"
	if k.Mark != 0 {
		what, hint = "mark", "give one of them another mark or family, or make them one virtual_server"
	}
	d.problem(k.at, fmt.Sprintf("%s is the %s of %s at %s already", k.Key, what, first.service, place(first.at)), hint)
}
