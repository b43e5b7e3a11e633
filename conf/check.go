package conf

import (
	"cmp"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/govrrpd/govrrpd/checkers"
	"github.com/govrrpd/govrrpd/ipvs"
)

// rawCheck is a check block of any kind. Which kinds have which keywords is in checkKinds.
type rawCheck struct {
	Kind      string         `hcl:"kind,label"`
	KindRange hcl.Range      `hcl:"kind,label_range"`
	Place     hcl.Range      `hcl:",def_range"`
	Load      bool           // it stands for a load block
	Interval  *hcl.Attribute `hcl:"interval,optional"`
	Timeout   *hcl.Attribute `hcl:"timeout,optional"`
	Rise      *hcl.Attribute `hcl:"rise,optional"`
	Fall      *hcl.Attribute `hcl:"fall,optional"`
	FullEvery *hcl.Attribute `hcl:"full_every,optional"`

	Address   *hcl.Attribute `hcl:"address,optional"`
	Source    *hcl.Attribute `hcl:"source,optional"`
	Interface *hcl.Attribute `hcl:"interface,optional"`
	Mark      *hcl.Attribute `hcl:"mark,optional"`
	Via       *hcl.Attribute `hcl:"via,optional"`
	Proxy     *hcl.Attribute `hcl:"proxy_protocol,optional"`
	Protocol  *hcl.Attribute `hcl:"protocol,optional"`

	TLS         *hcl.Attribute `hcl:"tls,optional"`
	Verify      *hcl.Attribute `hcl:"verify,optional"`
	ServerName  *hcl.Attribute `hcl:"server_name,optional"`
	CAFile      *hcl.Attribute `hcl:"ca_file,optional"`
	Certificate *hcl.Attribute `hcl:"certificate,optional"`
	Key         *hcl.Attribute `hcl:"key,optional"`
	Expiry      *hcl.Attribute `hcl:"expiry_warning,optional"`

	Send      *hcl.Attribute `hcl:"send,optional"`
	SendBytes *hcl.Attribute `hcl:"send_bytes,optional"`
	Reply     *hcl.Attribute `hcl:"reply,optional"`
	Prefix    *hcl.Attribute `hcl:"prefix,optional"`
	Bytes     *hcl.Attribute `hcl:"bytes,optional"`
	Contains  *hcl.Attribute `hcl:"contains,optional"`
	Match     *hcl.Attribute `hcl:"match,optional"`

	Path      *hcl.Attribute `hcl:"path,optional"`
	Host      *hcl.Attribute `hcl:"host,optional"`
	Status    *hcl.Attribute `hcl:"status,optional"`
	Method    *hcl.Attribute `hcl:"method,optional"`
	Headers   *hcl.Attribute `hcl:"headers,optional"`
	Body      *hcl.Attribute `hcl:"body,optional"`
	Version   *hcl.Attribute `hcl:"version,optional"`
	Redirects *hcl.Attribute `hcl:"redirects,optional"`
	Digest    *hcl.Attribute `hcl:"digest,optional"`
	JSON      *hcl.Attribute `hcl:"json,optional"`

	User     *hcl.Attribute `hcl:"user,optional"`
	Password *hcl.Attribute `hcl:"password,optional"`
	Secret   *hcl.Attribute `hcl:"secret,optional"`

	Session  *hcl.Attribute `hcl:"session,optional"`
	Service  *hcl.Attribute `hcl:"service,optional"`
	Helo     *hcl.Attribute `hcl:"helo,optional"`
	Query    *hcl.Attribute `hcl:"query,optional"`
	Type     *hcl.Attribute `hcl:"type,optional"`
	Rcode    *hcl.Attribute `hcl:"rcode,optional"`
	Answers  *hcl.Attribute `hcl:"answers,optional"`
	Base     *hcl.Attribute `hcl:"base,optional"`
	Filter   *hcl.Attribute `hcl:"filter,optional"`
	Database *hcl.Attribute `hcl:"database,optional"`
	Role     *hcl.Attribute `hcl:"role,optional"`
	URI      *hcl.Attribute `hcl:"uri,optional"`
	From     *hcl.Attribute `hcl:"from,optional"`
	Stratum  *hcl.Attribute `hcl:"max_stratum,optional"`
	Offset   *hcl.Attribute `hcl:"max_offset,optional"`
	Size     *hcl.Attribute `hcl:"size,optional"`

	File        *hcl.Attribute `hcl:"file,optional"`
	Command     *hcl.Attribute `hcl:"command,optional"`
	Weighted    *hcl.Attribute `hcl:"weighted,optional"`
	Environment *hcl.Attribute `hcl:"environment,optional"`
}

// Defaults of a check. A dead server is out after 3 probes, at most 5 s x 3 + 2 s; keepalived needs more than a minute.
const (
	intervalDefault = 5 * time.Second
	timeoutDefault  = 2 * time.Second
	riseDefault     = 1
	fallDefault     = 3
)

// A subject is the real server that a check is of. Without an address it is unknown, and only mistakes come out.
type subject struct {
	service *service
	addr    netip.AddrPort
	weight  int // configured

	anyCheck bool // one check that is well is enough

	dest ipvs.Dest // how the service reaches it
}

// checksOf builds the checks of one real server, and what measures its load. Expressions in them may use server.address, server.ip and
// server.port.
func (d *decoder) checksOf(of subject, checks []rawCheck, loads []rawLoad) []Check {
	if len(checks)+len(loads) == 0 {
		return nil
	}
	outer := d.ctx
	defer func() { d.ctx = outer }()
	d.ctx = outer.NewChild()
	d.ctx.Variables = map[string]cty.Value{"server": serverValue(of.addr)}
	var out []Check
	names := map[string]int{}
	add := func(c checkers.Config, ok bool, kind string, load bool) {
		if names[kind]++; !ok {
			return
		}
		c.Name = fmt.Sprintf("%s %s %s", of.service.Name, of.addr, kind)
		if n := names[kind]; n > 1 {
			c.Name += " " + strconv.Itoa(n)
		}
		out = append(out, Check{Config: c, Server: ipvs.ServerID{Service: of.service.Name, Addr: of.addr}, Any: of.anyCheck, Load: load})
	}
	for i := range checks {
		c, ok := d.check(&checks[i], of)
		add(c, ok, checks[i].Kind, false)
	}
	for i := range loads {
		c, ok := d.load(&loads[i], of)
		add(c, ok, "load "+loads[i].Kind, true)
	}
	return out
}

// serverValue is what expressions in a check know of the server.
func serverValue(server netip.AddrPort) cty.Value {
	if !server.IsValid() {
		return cty.DynamicVal
	}
	return cty.ObjectVal(map[string]cty.Value{
		"address": cty.StringVal(server.String()),
		"ip":      cty.StringVal(server.Addr().String()),
		"port":    cty.NumberIntVal(int64(server.Port())),
	})
}

// check builds one check without its name.
func (d *decoder) check(raw *rawCheck, of subject) (checkers.Config, bool) {
	c := checkers.Config{Interval: intervalDefault, Timeout: timeoutDefault, Rise: riseDefault, Fall: fallDefault}
	before := len(d.diags)
	d.schedule(raw, &c)
	kind, ok := checkKinds()[raw.Kind]
	if !ok {
		kinds := checkKindNames()
		d.problem(raw.KindRange, fmt.Sprintf("there is no check %s", quote(raw.Kind)),
			cmp.Or(translations()[raw.Kind], suggest(raw.Kind, slices.Values(kinds)), "the kinds are "+strings.Join(kinds, ", ")))
		return c, false
	}
	allowed := slices.Concat(commonKeywords, kind.keywords)
	if raw.Kind == "bfd" { // which is told, and not asked
		allowed = kind.keywords
	}
	d.unsuitable(raw, allowed, fmt.Sprintf("check %q", raw.Kind), func(keyword string) string { return unsuitableHint(raw.Kind, keyword) })
	if c.Checker = kind.build(d, raw, of); raw.Kind == "bfd" {
		c.Fall = 1
	}
	d.quick(raw, &c)
	return c, len(d.diags) == before && of.addr.IsValid()
}

// quick reads how many probes only connect. A check that does nothing else has no use for it.
func (d *decoder) quick(raw *rawCheck, c *checkers.Config) {
	if raw.FullEvery == nil || !d.number(raw.FullEvery, 2, 1000, "", &c.FullEvery) {
		return
	}
	full, ok := c.Checker.(interface{ Connect() checkers.TCP })
	if !ok {
		return // the kind has no such keyword, which is told elsewhere
	}
	quick := full.Connect()
	if reflect.DeepEqual(c.Checker, quick) {
		d.problem(raw.FullEvery.NameRange, "this check does nothing but connect, so full_every changes nothing", "remove full_every")
	}
	c.Quick = quick
}

// commonKeywords are those of every kind.
var commonKeywords = []string{"interval", "timeout", "rise", "fall"}

// unsuitable reports keywords of raw, a block with a kind, that are not among allowed.
func (d *decoder) unsuitable(raw any, allowed []string, block string, hint func(keyword string) string) {
	v := reflect.ValueOf(raw).Elem()
	for i := range v.NumField() {
		a, ok := v.Field(i).Interface().(*hcl.Attribute)
		if !ok || a == nil || slices.Contains(allowed, a.Name) {
			continue
		}
		d.problem(a.NameRange, fmt.Sprintf("%s has no %s", block, a.Name), hint(a.Name))
	}
}

// unsuitableHint tells what to write instead of a keyword that a kind of check does not have.
func unsuitableHint(kind, keyword string) string {
	if keyword == "address" && kind == "script" {
		return `remove it; the command may use "${server.ip}" and "${server.port}"`
	}
	return hintOfKinds("check", keyword, checkKindNames(), func(name string) []string { return checkKinds()[name].keywords })
}

// hintOfKinds names the kinds that have a keyword, if they are few.
func hintOfKinds(block, keyword string, kinds []string, keywords func(kind string) []string) string {
	var others []string
	for _, name := range kinds {
		if slices.Contains(keywords(name), keyword) {
			others = append(others, name)
		}
	}
	if len(others) == 0 || len(others) > 6 {
		return "remove it"
	}
	return fmt.Sprintf("remove it, or write %s %s", block, oneOf(others))
}

// schedule reads what all kinds have in common.
func (d *decoder) schedule(raw *rawCheck, c *checkers.Config) {
	ok := d.duration(raw.Interval, span{low: 50 * time.Millisecond, high: 24 * time.Hour}, &c.Interval)
	c.Timeout = min(timeoutDefault, c.Interval)
	ok = d.duration(raw.Timeout, span{low: 10 * time.Millisecond, high: 24 * time.Hour}, &c.Timeout) && ok
	if ok && c.Timeout > c.Interval {
		d.problem(raw.Timeout.Expr.Range(), fmt.Sprintf("timeout %s is longer than the interval of %s: a probe must end before the next begins", short(c.Timeout), short(c.Interval)),
			fmt.Sprintf("write timeout = %q or interval = %q", short(c.Interval), short(c.Timeout)))
	}
	d.number(raw.Rise, 1, 1000, "", &c.Rise)
	d.number(raw.Fall, 1, 1000, "", &c.Fall)
}
