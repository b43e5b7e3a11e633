package conf

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/govrrpd/govrrpd/checkers"
)

func (d *decoder) http(raw *rawCheck, of subject) checkers.Checker {
	c := checkers.HTTP{Target: d.target(raw, of), Path: "/"}
	if raw.Kind == "https" {
		c.TLS = new(checkers.TLS)
		d.tlsOptions(raw, c.TLS)
	}
	d.text(raw.Path, "/healthz", &c.Path)
	d.text(raw.Host, "www.example.net", &c.Host)
	d.text(raw.Contains, "OK", &c.Page.Contains)
	d.text(raw.Match, "^OK", &c.Page.Match)
	d.text(raw.Method, "HEAD", &c.Method)
	d.bytes(raw.Body, "{}", &c.Body)
	d.text(raw.Digest, "d41d8cd98f00b204e9800998ecf8427e", &c.Page.Digest)
	d.number(raw.Redirects, 0, 10, "", &c.Redirects)
	choice(d, raw.Version, []string{"1.0", "1.1", "2"}, []string{"1.0", "1.1", "2"}, &c.Version)
	c.Headers = d.texts(raw.Headers, `{ "X-Probe" = "1" }`)
	c.Page.JSON = d.texts(raw.JSON, `{ "status" = "up" }`)
	c.Page.Status = d.statuses(raw.Status)
	d.pattern(raw.Match, c.Page.Match)
	d.request(raw, c)
	return c
}

// texts reads an object whose values are texts, numbers or flags.
func (d *decoder) texts(a *hcl.Attribute, example string) map[string]string {
	v, set, ok := d.value(a)
	if !set || !ok {
		return nil
	}
	hint := fmt.Sprintf("write %s = %s", a.Name, example)
	if !v.Type().IsObjectType() && !v.Type().IsMapType() {
		d.problem(a.Expr.Range(), fmt.Sprintf("%s is %s, want names with values", a.Name, shown(v)), hint)
		return nil
	}
	out := map[string]string{}
	for name, value := range v.AsValueMap() {
		text, err := convert.Convert(value, cty.String)
		if err != nil || text.IsNull() || !text.IsKnown() {
			d.problem(a.Expr.Range(), fmt.Sprintf("%s in %s is not text", quote(name), a.Name), hint)
			continue
		}
		out[name] = text.AsString()
	}
	return out
}

// pattern reports a regular expression that does not compile.
func (d *decoder) pattern(a *hcl.Attribute, text string) {
	if _, err := regexp.Compile(text); err != nil {
		d.problem(a.Expr.Range(), fmt.Sprintf("match is not a regular expression: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: ")),
			`a backslash is written twice between quotes: "\\d+"; the syntax is RE2's`)
	}
}

// request reports what no request could carry.
func (d *decoder) request(raw *rawCheck, c checkers.HTTP) {
	plain := checkers.HTTP{Target: checkers.Target{Addr: netip.MustParseAddrPort(serverExample)}}
	try := func(a *hcl.Attribute, change func(*checkers.HTTP), message, hint string) {
		probe := plain
		change(&probe)
		if a != nil && probe.Validate() != nil {
			d.problem(a.Expr.Range(), message, hint)
		}
	}
	try(raw.Path, func(p *checkers.HTTP) { p.Path = c.Path }, fmt.Sprintf("path %s is not what follows the host in a URL", quote(c.Path)), `write path = "/healthz", for example`)
	try(raw.Host, func(p *checkers.HTTP) { p.Host = c.Host }, fmt.Sprintf("host %s is not the name of a host", quote(c.Host)), `write host = "www.example.net", without http:// and path`)
	try(raw.Method, func(p *checkers.HTTP) { p.Method = c.Method }, fmt.Sprintf("method %s is not one of HTTP", quote(c.Method)), `write method = "HEAD", for example`)
	try(raw.Digest, func(p *checkers.HTTP) { p.Page.Digest = c.Page.Digest }, fmt.Sprintf("digest %s is neither of SHA-256 (64 hexadecimal digits) nor of MD5 (32)", quote(c.Page.Digest)),
		"write what sha256sum prints of the page")
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		try(raw.Headers, func(p *checkers.HTTP) { p.Headers = map[string]string{name: c.Headers[name]} },
			fmt.Sprintf("header %s with %s cannot be sent", quote(name), quote(c.Headers[name])), `write headers = { "X-Probe" = "1" }, for example`)
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
