package conf

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/govrrpd/govrrpd/ipvs"
)

// rawIPVS is the ipvs block.
type rawIPVS struct {
	Timeouts *rawTimeouts   `hcl:"timeouts,block"`
	Sysctls  *hcl.Attribute `hcl:"sysctls,optional"`
	Restore  *hcl.Attribute `hcl:"restore_on_exit,optional"`
	Guard    *hcl.Attribute `hcl:"loop_guard,optional"`
}

// rawTimeouts is a timeouts block.
type rawTimeouts struct {
	TCP *hcl.Attribute `hcl:"tcp,optional"`
	FIN *hcl.Attribute `hcl:"tcp_fin,optional"`
	UDP *hcl.Attribute `hcl:"udp,optional"`
}

// ipvsHost reads what is wanted of IPVS beside services.
func (d *decoder) ipvsHost(raw *rawConfig, c *Config) {
	c.IPVS.Sync = d.syncDaemons(raw.SyncDaemons, c.Routers)
	d.noCrossing(raw.SyncDaemons)
	c.IPVS.Helpers = d.helpers()
	if raw.IPVS == nil {
		d.snatSysctl(nil, c)
		return
	}
	if t := raw.IPVS.Timeouts; t != nil {
		within := span{low: time.Second, high: ipvs.MaxTimeout, step: time.Second}
		d.duration(t.TCP, within, &c.IPVS.Timeouts.TCP)
		d.duration(t.FIN, within, &c.IPVS.Timeouts.FIN)
		d.duration(t.UDP, within, &c.IPVS.Timeouts.UDP)
	}
	c.IPVS.Sysctls = d.sysctls(raw.IPVS.Sysctls)
	d.snatSysctl(raw.IPVS.Sysctls, c)
	d.flag(raw.IPVS.Restore, &c.IPVS.Restore)
	d.loopGuard(raw, c)
}

const sysctlExample = "write sysctls = { conntrack = 1, sync_threshold = \"3 50\" }, for example"

// sysctls reads settings of net.ipv4.vs by the last part of their names.
func (d *decoder) sysctls(a *hcl.Attribute) map[string]string {
	v, set, ok := d.value(a)
	if !set || !ok {
		return nil
	}
	if t := v.Type(); !t.IsObjectType() && !t.IsMapType() {
		d.problem(a.Expr.Range(), fmt.Sprintf("sysctls is %s, want names and values", shown(v)), sysctlExample)
		return nil
	}
	out := map[string]string{}
	values := v.AsValueMap()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := values[name]
		text, err := convert.Convert(value, cty.String)
		switch {
		case err != nil || text.IsNull() || !sysctlValue.MatchString(text.AsString()):
			d.problem(a.Expr.Range(), fmt.Sprintf("%s in sysctls is %s, want a number, or several between quotes", quote(name), shown(value)), sysctlExample)
		case d.sysctlName(a, name):
			out[name] = text.AsString()
		}
	}
	return out
}

var (
	sysctlValue = regexp.MustCompile(`^-?[0-9][-0-9, \t]*$`) // also the list of processors in est_cpulist
	sysctlWord  = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

// sysctlName reports a name that is none. One that is merely not known here may be that of a kernel to come.
func (d *decoder) sysctlName(a *hcl.Attribute, name string) bool {
	if slices.Contains(knownSysctls(), name) {
		return true
	}
	bare := strings.TrimPrefix(strings.TrimPrefix(strings.ReplaceAll(name, "/", "."), "net.ipv4."), "vs.")
	switch hint := suggest(name, slices.Values(knownSysctls())); {
	case bare != name && slices.Contains(knownSysctls(), bare):
		d.problem(a.Expr.Range(), fmt.Sprintf("%s in sysctls has more than the last part of its name", quote(name)), fmt.Sprintf("write %s, without net.ipv4.vs", bare))
	case hint != "":
		d.problem(a.Expr.Range(), fmt.Sprintf("%s in sysctls is no setting of net.ipv4.vs", quote(name)), hint)
	case !sysctlWord.MatchString(name):
		d.problem(a.Expr.Range(), fmt.Sprintf("%s in sysctls is no name of a setting of net.ipv4.vs", quote(name)), sysctlExample)
	default:
		d.warn(a.Expr.Range(), fmt.Sprintf("%s in sysctls is a setting that no kernel up to Linux 6.12 has", quote(name)), "`ls /proc/sys/net/ipv4/vs` shows those of this kernel")
		return true
	}
	return false
}

// knownSysctls are those of Linux 6.1 and 6.12.
func knownSysctls() []string {
	return strings.Fields("am_droprate amemthresh backup_only cache_bypass conn_reuse_mode conntrack debug_level drop_entry drop_packet " +
		"est_cpulist est_nice expire_nodest_conn expire_quiescent_template ignore_tunneled nat_icmp_send pmtu_disc run_estimation " +
		"schedule_icmp secure_tcp sloppy_sctp sloppy_tcp snat_reroute sync_persist_mode sync_ports sync_qlen_max sync_refresh_period " +
		"sync_retries sync_sock_size sync_threshold sync_version")
}
