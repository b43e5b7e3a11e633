package conf

import (
	"cmp"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/govrrpd/govrrpd/checkers"
	"github.com/govrrpd/govrrpd/ipvs"
)

// rawCheck is a check block of any kind.
type rawCheck struct {
	Kind      string         `hcl:"kind,label"`
	KindRange hcl.Range      `hcl:"kind,label_range"`
	Place     hcl.Range      `hcl:",def_range"`
	Interval  *hcl.Attribute `hcl:"interval,optional"`
	Timeout   *hcl.Attribute `hcl:"timeout,optional"`
	Rise      *hcl.Attribute `hcl:"rise,optional"`
	Fall      *hcl.Attribute `hcl:"fall,optional"`
	Address   *hcl.Attribute `hcl:"address,optional"` // tcp, http, https

	Path     *hcl.Attribute `hcl:"path,optional"` // http, https
	Host     *hcl.Attribute `hcl:"host,optional"`
	Status   *hcl.Attribute `hcl:"status,optional"`
	Contains *hcl.Attribute `hcl:"contains,optional"`
	Match    *hcl.Attribute `hcl:"match,optional"`
	CAFile   *hcl.Attribute `hcl:"ca_file,optional"` // https
	Verify   *hcl.Attribute `hcl:"verify,optional"`

	Command  *hcl.Attribute `hcl:"command,optional"` // script
	Weighted *hcl.Attribute `hcl:"weighted,optional"`
}

// Defaults of a check. A dead server is out after 3 probes, at most 5 s x 3 + 2 s; keepalived needs more than a minute.
const (
	intervalDefault = 5 * time.Second
	timeoutDefault  = 2 * time.Second
	riseDefault     = 1
	fallDefault     = 3
)

// checksOf builds the checks of one real server. Expressions in them may use server.address, server.ip and server.port. Without an
// address the server is unknown, and only mistakes come out.
func (d *decoder) checksOf(s *service, raw []rawCheck, server netip.AddrPort) []Check {
	if len(raw) == 0 {
		return nil
	}
	outer := d.ctx
	defer func() { d.ctx = outer }()
	d.ctx = outer.NewChild()
	d.ctx.Variables = map[string]cty.Value{"server": serverValue(server)}
	var out []Check
	kinds := map[string]int{}
	for i := range raw {
		c, ok := d.check(&raw[i], server)
		if kinds[raw[i].Kind]++; !ok {
			continue
		}
		c.Name = fmt.Sprintf("%s %s %s", s.Name, server, raw[i].Kind)
		if n := kinds[raw[i].Kind]; n > 1 {
			c.Name += " " + strconv.Itoa(n)
		}
		out = append(out, Check{Config: c, Server: ipvs.ServerID{Service: s.Name, Addr: server}})
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
func (d *decoder) check(raw *rawCheck, server netip.AddrPort) (checkers.Config, bool) {
	c := checkers.Config{Interval: intervalDefault, Timeout: timeoutDefault, Rise: riseDefault, Fall: fallDefault}
	before := len(d.diags)
	d.schedule(raw, &c)
	switch raw.Kind {
	case "tcp":
		d.unsuitable(raw.Kind, raw.http(), raw.https(), raw.script())
		c.Checker = checkers.TCP{Addr: d.target(raw, server)}
	case "http":
		d.unsuitable(raw.Kind, raw.https(), raw.script())
		c.Checker = d.http(raw, server)
	case "https":
		d.unsuitable(raw.Kind, raw.script())
		c.Checker = d.http(raw, server)
	case "script":
		d.unsuitable(raw.Kind, []*hcl.Attribute{raw.Address}, raw.http(), raw.https())
		c.Checker = d.script(raw)
	default:
		kinds := []string{"tcp", "http", "https", "script"}
		d.problem(raw.KindRange, fmt.Sprintf("there is no check %s, only %s", quote(raw.Kind), oneOf(kinds)),
			cmp.Or(translations()[raw.Kind], suggest(raw.Kind, slices.Values(kinds)), `write check "tcp" { … }, for example`))
	}
	return c, len(d.diags) == before && server.IsValid()
}

func (raw *rawCheck) http() []*hcl.Attribute {
	return []*hcl.Attribute{raw.Path, raw.Host, raw.Status, raw.Contains, raw.Match}
}

func (raw *rawCheck) https() []*hcl.Attribute { return []*hcl.Attribute{raw.CAFile, raw.Verify} }

func (raw *rawCheck) script() []*hcl.Attribute { return []*hcl.Attribute{raw.Command, raw.Weighted} }

// unsuitable reports keywords that only other kinds of check have.
func (d *decoder) unsuitable(kind string, groups ...[]*hcl.Attribute) {
	for _, group := range groups {
		for _, a := range group {
			if a == nil {
				continue
			}
			d.problem(a.NameRange, fmt.Sprintf("check %q has no %s", kind, a.Name), unsuitableHint(a.Name))
		}
	}
}

func unsuitableHint(keyword string) string {
	switch keyword {
	case "command", "weighted":
		return `remove it, or write check "script"`
	case "ca_file", "verify":
		return `remove it, or write check "https"`
	case "address":
		return `remove it; the command may use "${server.ip}" and "${server.port}"`
	}
	return `remove it, or write check "http"`
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

// target is where a probe connects to: the server, or what address says. An address of ":9000" is another port of the server.
func (d *decoder) target(raw *rawCheck, server netip.AddrPort) netip.AddrPort {
	v, set, ok := d.scalar(raw.Address, cty.String, fmt.Sprintf("write address = %q", serverExample))
	if !set || !ok {
		if ok && server.IsValid() && server.Port() == 0 {
			d.missing(raw.Place, fmt.Sprintf("check %q of a server without a port", raw.Kind), "address", `":80"`)
		}
		return server
	}
	text, at := v.AsString(), raw.Address.Expr.Range()
	if port, found := strings.CutPrefix(text, ":"); found {
		n, _ := d.parsePort("address", text, port, at)
		return netip.AddrPortFrom(server.Addr(), n)
	}
	var out netip.AddrPort
	d.parseHostPort("address", text, at, serverExample, &out)
	return out
}

func (d *decoder) http(raw *rawCheck, server netip.AddrPort) checkers.HTTP {
	c := checkers.HTTP{Addr: d.target(raw, server), TLS: raw.Kind == "https", Path: "/"}
	verify := true
	d.text(raw.Path, "/healthz", &c.Path)
	d.text(raw.Host, "www.example.net", &c.Host)
	d.text(raw.Contains, "OK", &c.Contains)
	d.text(raw.Match, "^OK", &c.Match)
	d.flag(raw.Verify, &verify)
	c.InsecureSkipVerify = !verify
	c.Status = d.statuses(raw.Status)
	d.pattern(raw.Match, c.Match)
	d.caFile(raw, &c)
	d.request(raw, c)
	return c
}

// pattern reports a regular expression that does not compile.
func (d *decoder) pattern(a *hcl.Attribute, text string) {
	if _, err := regexp.Compile(text); err != nil {
		d.problem(a.Expr.Range(), fmt.Sprintf("match is not a regular expression: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: ")),
			`a backslash is written twice between quotes: "\\d+"; the syntax is RE2's`)
	}
}

// request reports a path or host that no request could carry.
func (d *decoder) request(raw *rawCheck, c checkers.HTTP) {
	probe := checkers.HTTP{Addr: netip.MustParseAddrPort(serverExample), TLS: c.TLS}
	probe.Path = c.Path
	if probe.Validate() != nil && raw.Path != nil {
		d.problem(raw.Path.Expr.Range(), fmt.Sprintf("path %s is not what follows the host in a URL", quote(c.Path)), `write path = "/healthz", for example`)
	}
	probe.Path, probe.Host = "/", c.Host
	if probe.Validate() != nil && raw.Host != nil {
		d.problem(raw.Host.Expr.Range(), fmt.Sprintf("host %s is not the name of a host", quote(c.Host)), `write host = "www.example.net", without http:// and path`)
	}
}

// statuses reads ["200-299", "404"].
func (d *decoder) statuses(a *hcl.Attribute) []checkers.StatusRange {
	list, ok := d.list(a, "200-299")
	if !ok || len(list) == 0 {
		return []checkers.StatusRange{{From: 200, To: 299}}
	}
	var out []checkers.StatusRange
	for _, e := range list {
		low, high, isRange := strings.Cut(e.text, "-")
		if !isRange {
			high = low
		}
		from, err1 := strconv.Atoi(strings.TrimSpace(low))
		to, err2 := strconv.Atoi(strings.TrimSpace(high))
		if err1 != nil || err2 != nil || from < 100 || to > 599 || from > to {
			d.problem(e.at, fmt.Sprintf("status %s is not a status or a range of them within 100-599", quote(e.text)), `write status = ["200-299"], for example`)
			continue
		}
		out = append(out, checkers.StatusRange{From: from, To: to})
	}
	return out
}

// maxCAFile is some forty times what a system has of authorities, in bytes.
const maxCAFile = 8 << 20

// caFile reads the name of the file with the authorities, and whether it is there.
func (d *decoder) caFile(raw *rawCheck, c *checkers.HTTP) {
	if !d.text(raw.CAFile, "/etc/govrrpd/ca.pem", &c.CAFile) || c.CAFile == "" {
		return
	}
	at := raw.CAFile.Expr.Range()
	pem, _, err := readAtMost(c.CAFile, maxCAFile)
	switch {
	case c.InsecureSkipVerify:
		d.problem(at, "ca_file contradicts verify = false: the certificate is not looked at", "remove one of them")
	case !filepath.IsAbs(c.CAFile):
		d.problem(at, fmt.Sprintf("ca_file %s is not an absolute path", quote(c.CAFile)), `write ca_file = "/etc/govrrpd/ca.pem", for example`)
	case err != nil:
		d.problem(at, fmt.Sprintf("ca_file %s %s", quote(c.CAFile), cause(err)), "copy the certificates of your authority there, as PEM")
	case !strings.Contains(string(pem), "-----BEGIN CERTIFICATE-----"):
		d.problem(at, fmt.Sprintf("ca_file %s has no certificate in it", quote(c.CAFile)), "it must be PEM, with -----BEGIN CERTIFICATE----- lines")
	}
}

func (d *decoder) script(raw *rawCheck) checkers.Script {
	c := checkers.Script{User: d.credential}
	d.flag(raw.Weighted, &c.Weighted)
	c.Command = d.command(raw.Command, raw.Place, "the script check")
	return c
}

// command reads a program and its arguments; block is the one at at, as messages begin.
func (d *decoder) command(a *hcl.Attribute, at hcl.Range, block string) []string {
	if !d.required(a, at, block, "command", `["/usr/local/bin/check"]`) {
		return nil
	}
	if v, set, _ := d.value(a); set && v.Type() == cty.String {
		d.problem(a.Expr.Range(), "command is text, want a list: no shell splits it", "write command = "+argv(v.AsString()))
		return nil
	}
	var out []string
	list, ok := d.list(a, "/usr/local/bin/check")
	for _, e := range list {
		if strings.ContainsRune(e.text, 0) {
			d.problem(e.at, "an argument has a NUL byte in it", "remove it")
		}
		out = append(out, e.text)
	}
	switch {
	case ok && len(list) > 0:
		d.program(list[0])
	case ok && d.known(a):
		d.problem(a.Expr.Range(), "command is empty", `write command = ["/usr/local/bin/check"]`)
	}
	return out
}

// argv shows how a command line would be written as a list.
func argv(line string) string {
	var words []string
	for _, w := range strings.Fields(line) {
		words = append(words, strconv.Quote(w))
	}
	return "[" + strings.Join(words, ", ") + "]"
}

// program reports a program that could not run. A name without a slash is looked for at each probe, in the system's folders.
func (d *decoder) program(e element) {
	if !strings.Contains(e.text, "/") && e.text != "" {
		return
	}
	info, err := os.Stat(e.text)
	switch {
	case !filepath.IsAbs(e.text):
		d.problem(e.at, fmt.Sprintf("command %s is not an absolute path", quote(e.text)), `write it from the / on: ["/usr/local/bin/check"]`)
	case err != nil:
		d.problem(e.at, fmt.Sprintf("command %s is not there: %s", quote(e.text), strings.TrimPrefix(cause(err), "cannot be read: ")), "install it, or correct the path")
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
		d.problem(e.at, fmt.Sprintf("command %s is not executable", quote(e.text)), fmt.Sprintf("run: chmod +x %s", e.text))
	}
}
