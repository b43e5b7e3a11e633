package conf

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/govrrpd/govrrpd/checkers"
	"github.com/govrrpd/govrrpd/ipvs"
)

// rawLoad is a load block of any kind. Which kinds have which keywords is in loadKinds. What it shares with a check has the same name there.
type rawLoad struct {
	Kind      string         `hcl:"kind,label"`
	KindRange hcl.Range      `hcl:"kind,label_range"`
	Place     hcl.Range      `hcl:",def_range"`
	Interval  *hcl.Attribute `hcl:"interval,optional"`
	Timeout   *hcl.Attribute `hcl:"timeout,optional"`
	Fall      *hcl.Attribute `hcl:"fall,optional"`

	Policy    *hcl.Attribute `hcl:"policy,optional"`
	Full      *hcl.Attribute `hcl:"full_load,optional"`
	Smoothing *hcl.Attribute `hcl:"smoothing,optional"`
	Floor     *hcl.Attribute `hcl:"floor,optional"`
	Ceiling   *hcl.Attribute `hcl:"ceiling,optional"`
	Step      *hcl.Attribute `hcl:"step,optional"`

	Address   *hcl.Attribute `hcl:"address,optional"`
	Source    *hcl.Attribute `hcl:"source,optional"`
	Interface *hcl.Attribute `hcl:"interface,optional"`
	Mark      *hcl.Attribute `hcl:"mark,optional"`

	TLS         *hcl.Attribute `hcl:"tls,optional"`
	Verify      *hcl.Attribute `hcl:"verify,optional"`
	ServerName  *hcl.Attribute `hcl:"server_name,optional"`
	CAFile      *hcl.Attribute `hcl:"ca_file,optional"`
	Certificate *hcl.Attribute `hcl:"certificate,optional"`
	Key         *hcl.Attribute `hcl:"key,optional"`
	Expiry      *hcl.Attribute `hcl:"expiry_warning,optional"`

	Send    *hcl.Attribute `hcl:"send,optional"`
	Path    *hcl.Attribute `hcl:"path,optional"`
	Host    *hcl.Attribute `hcl:"host,optional"`
	Headers *hcl.Attribute `hcl:"headers,optional"`
	Header  *hcl.Attribute `hcl:"header,optional"`
	Value   *hcl.Attribute `hcl:"value,optional"`
	Metric  *hcl.Attribute `hcl:"metric,optional"`

	File        *hcl.Attribute `hcl:"file,optional"`
	Command     *hcl.Attribute `hcl:"command,optional"`
	Environment *hcl.Attribute `hcl:"environment,optional"`
}

// asCheck returns what raw shares with a check.
func (raw *rawLoad) asCheck() *rawCheck {
	var out rawCheck
	from, to := reflect.ValueOf(raw).Elem(), reflect.ValueOf(&out).Elem()
	for i := range from.NumField() {
		if f := to.FieldByName(from.Type().Field(i).Name); f.IsValid() {
			f.Set(from.Field(i))
		}
	}
	out.Load = true
	return &out
}

// A loadKind is a way to measure load: the keywords that it has beside those of all kinds, and what makes a Gauge of them.
type loadKind struct {
	keywords []string
	build    func(d *decoder, raw *rawLoad, of subject) checkers.Gauge
}

// loadKindNames are the kinds in the order of the reference page.
func loadKindNames() []string {
	return []string{"node_exporter", "http", "https", "tcp", "script", "file"}
}

func loadKinds() map[string]loadKind {
	page := slices.Concat(targetKeywords, []string{"path", "host", "headers"})
	return map[string]loadKind{
		"node_exporter": {slices.Concat(page, []string{"tls", "metric"}, trustKeywords), (*decoder).nodeExporter},
		"http":          {slices.Concat(page, []string{"header", "value"}), (*decoder).pageLoad},
		"https":         {slices.Concat(page, []string{"header", "value"}, trustKeywords), (*decoder).pageLoad},
		"tcp":           {slices.Concat(targetKeywords, []string{"tls", "send"}, trustKeywords), (*decoder).tcpLoad},
		"script":        {[]string{"command", "environment"}, (*decoder).scriptLoad},
		"file":          {[]string{"file"}, (*decoder).fileLoad},
	}
}

// loadKeywords are those of every kind.
var loadKeywords = []string{"interval", "timeout", "fall", "policy", "full_load", "smoothing", "floor", "ceiling", "step"}

// loadInterval is the default: nanny's 20 s. The load that a kernel tells is an average over a minute.
const loadInterval = 20 * time.Second

// load builds the measurement of a real server's load, without its name.
func (d *decoder) load(raw *rawLoad, of subject) (checkers.Config, bool) {
	c := checkers.Config{Interval: loadInterval, Rise: 1, Fall: fallDefault}
	before := len(d.diags)
	check := raw.asCheck()
	d.schedule(check, &c)
	kind, ok := loadKinds()[raw.Kind]
	if !ok {
		d.problem(raw.KindRange, fmt.Sprintf("there is no load %s", quote(raw.Kind)),
			cmp.Or(suggest(raw.Kind, slices.Values(loadKindNames())), "the kinds are "+strings.Join(loadKindNames(), ", ")))
		return c, false
	}
	allowed := slices.Concat(loadKeywords, kind.keywords)
	d.unsuitable(raw, allowed, fmt.Sprintf("load %q", raw.Kind), func(keyword string) string {
		return hintOfKinds("load", keyword, loadKindNames(), func(name string) []string { return loadKinds()[name].keywords })
	})
	c.Checker = checkers.Load{Gauge: kind.build(d, raw, of), Policy: d.policy(raw, of.weight)}
	return c, len(d.diags) == before && of.addr.IsValid()
}

// policy reads how the weight follows the load.
func (d *decoder) policy(raw *rawLoad, weight int) checkers.Policy {
	p := checkers.Policy{Base: weight}
	choice(d, raw.Policy, []string{"linear", "piranha", "percent", "weight"}, []checkers.PolicyKind{checkers.Linear, checkers.Piranha, checkers.Percent, checkers.Absolute}, &p.Kind)
	if p.Kind != checkers.Linear {
		for _, a := range []*hcl.Attribute{raw.Full, raw.Smoothing, raw.Floor, raw.Ceiling, raw.Step} {
			if a != nil {
				d.problem(a.NameRange, fmt.Sprintf("%s is for policy \"linear\"", a.Name), "remove it, or the policy")
			}
		}
		return p
	}
	p.Full = 1
	d.fullLoad(raw.Full, &p.Full)
	smoothing, floor, ceiling, step := 50, 10, 200, 25 // per cent
	d.number(raw.Smoothing, 0, 99, "", &smoothing)
	d.number(raw.Floor, 1, 100, "", &floor)
	d.number(raw.Ceiling, 100, 1000, "", &ceiling)
	d.number(raw.Step, 1, 1000, "", &step)
	share := func(percent int) int { return min(max((weight*percent+50)/100, 1), ipvs.MaxWeight) }
	p.Smoothing, p.Floor, p.Ceiling, p.Step = float64(smoothing)/100, share(floor), share(ceiling), share(step)
	return p
}

// fullLoad reads a number that need not be whole.
func (d *decoder) fullLoad(a *hcl.Attribute, into *float64) {
	v, set, ok := d.scalar(a, cty.Number, "write full_load = 8, for example: the number of the server's processors")
	if !set || !ok {
		return
	}
	n, _ := v.AsBigFloat().Float64()
	if n < 0.001 || n > 1e9 {
		d.problem(a.Expr.Range(), fmt.Sprintf("full_load is %v, want a number from 0.001 to 1000000000", n), "write full_load = 8, for example: the number of the server's processors")
		return
	}
	*into = n
}

// nodeExporter asks only for the averages, where nothing else is asked for: a whole page has a thousand metrics.
func (d *decoder) nodeExporter(raw *rawLoad, of subject) checkers.Gauge {
	check := raw.asCheck()
	c := checkers.NodeExporter{HTTP: d.http(check, of).(checkers.HTTP), Metric: "node_load1"}
	c.TLS, _ = d.tls(check, onOff...)
	if raw.Path == nil {
		c.Path = "/metrics?collect[]=loadavg"
	}
	d.text(raw.Metric, "node_load1", &c.Metric)
	d.tells(raw.Metric, checkers.NodeExporter{HTTP: checkers.HTTP{Target: anywhere}, Metric: c.Metric}, `write metric = "node_load1", for example`)
	return c
}

func (d *decoder) pageLoad(raw *rawLoad, of subject) checkers.Gauge {
	c := checkers.PageLoad{HTTP: d.http(raw.asCheck(), of).(checkers.HTTP)}
	d.text(raw.Header, "X-Load", &c.Header)
	d.text(raw.Value, "system.load1", &c.Value)
	switch {
	case raw.Header == nil && raw.Value == nil:
		d.missing(raw.Place, fmt.Sprintf("load %q", raw.Kind), "header", `"X-Load"`)
	case raw.Header != nil && raw.Value != nil:
		d.problem(raw.Value.NameRange, "header and value are both there", "remove one of them")
	}
	return c
}

func (d *decoder) tcpLoad(raw *rawLoad, of subject) checkers.Gauge {
	check := raw.asCheck()
	c := checkers.TCPLoad{Target: d.target(check, of), Send: d.sent(check)}
	c.TLS, _ = d.tls(check, onOff...)
	return c
}

func (d *decoder) scriptLoad(raw *rawLoad, _ subject) checkers.Gauge {
	return checkers.ScriptLoad{Script: d.script(raw.asCheck())}
}

func (d *decoder) fileLoad(raw *rawLoad, of subject) checkers.Gauge {
	return checkers.FileLoad{File: d.fileCheck(raw.asCheck(), of).(checkers.File)}
}
