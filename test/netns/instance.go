package netns

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// An Instance is one virtual router, as both govrrpd and keepalived can be told it.
type Instance struct {
	Version   int // 2 or 3
	Priority  int
	Interval  time.Duration
	Address   netip.Prefix   // the virtual address; adverts go out of eth0
	Also      []netip.Prefix // further virtual addresses, after Address
	NoPreempt bool
	Password  string     // version 2; empty for none
	AH        bool       // version 2: the password is for an authentication header
	HMAC      string     // secret that signs adverts; empty for none
	Source    netip.Addr // unicast; the zero Addr for multicast
	Peer      netip.Addr
	LinkLocal netip.Prefix // FRR over IPv6: where its adverts come from, an address of its macvlan
	Checksum  string       // version 3, govrrpd: the form of the checksum; empty for the default
	VMAC      bool         // the virtual router has a hardware address of its own
}

// InstanceName is what the virtual router of an Instance is called in logs and status.
const InstanceName = "v"

// instanceVRID is its virtual router id.
const instanceVRID = 51

// HCL returns the configuration for govrrpd.
func (v Instance) HCL() string {
	var b strings.Builder
	fmt.Fprintf(&b, `vrrp_instance %q {
  interface         = "eth0"
  virtual_router_id = %d
  version           = %d
  priority          = %d
  advert_interval   = %q
  preempt           = %t
  virtual_addresses = [%s]
`, InstanceName, instanceVRID, v.Version, v.Priority, v.Interval, !v.NoPreempt, v.addresses(`"%s"`, ", "))
	if v.Checksum != "" {
		fmt.Fprintf(&b, "  checksum          = %q\n", v.Checksum)
	}
	if v.Source.IsValid() {
		fmt.Fprintf(&b, "  unicast {\n    source = %q\n    peers  = [%q]\n  }\n", v.Source, v.Peer)
	}
	if v.Password != "" {
		fmt.Fprintf(&b, "  authentication {\n    type     = %q\n    password = %q\n  }\n", strings.ToLower(v.authType()), v.Password)
	}
	if v.VMAC {
		b.WriteString("  vmac {}\n")
	}
	if v.HMAC != "" {
		fmt.Fprintf(&b, "  hmac {\n    active_key = 1\n    key \"1\" { secret = %q }\n  }\n", v.HMAC)
	}
	return b.String() + "}\n"
}

// Keepalived returns the configuration for keepalived.
func (v Instance) Keepalived() string {
	var b strings.Builder
	fmt.Fprintf(&b, `vrrp_instance %s {
  state BACKUP
  interface eth0
  virtual_router_id %d
  version %d
  priority %d
  advert_int %g
  virtual_ipaddress {
    %s
  }
`, InstanceName, instanceVRID, v.Version, v.Priority, v.Interval.Seconds(), v.addresses("%s", "\n    "))
	if v.NoPreempt {
		b.WriteString("  nopreempt\n")
	}
	if v.Source.IsValid() {
		fmt.Fprintf(&b, "  unicast_src_ip %s\n  unicast_peer {\n    %s\n  }\n", v.Source, v.Peer)
	}
	if v.Password != "" {
		fmt.Fprintf(&b, "  authentication {\n    auth_type %s\n    auth_pass %s\n  }\n", v.authType(), v.Password)
	}
	if v.VMAC {
		b.WriteString("  use_vmac\n")
	}
	return b.String() + "}\n"
}

// addresses returns the virtual addresses, each in a format, with a separator between them.
func (v Instance) addresses(format, between string) string {
	var out []string
	for _, p := range append([]netip.Prefix{v.Address}, v.Also...) {
		out = append(out, fmt.Sprintf(format, p))
	}
	return strings.Join(out, between)
}

// authType is what keepalived calls the kind of password.
func (v Instance) authType() string {
	if v.AH {
		return "AH"
	}
	return "PASS"
}
