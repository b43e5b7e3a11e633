package conf

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/govrrpd/govrrpd/checkers"
)

// A checkKind is a kind of check: the keywords that it has beside those of all kinds, and what makes a Checker of them.
type checkKind struct {
	keywords []string
	build    func(d *decoder, raw *rawCheck, of subject) checkers.Checker
}

// checkKindNames are the kinds in the order of the reference page.
func checkKindNames() []string {
	return []string{
		"tcp", "http", "https", "grpc", "udp", "ping", "dns", "smtp", "imap", "pop", "ftp", "nntp", "ldap", "mysql", "postgresql", "redis", "sip", "radius",
		"ntp", "mqtt", "script", "external", "agent", "file", "bfd", "on", "off",
	}
}

// over are the keywords of a protocol over TCP, which may be secured, with its own.
func over(own ...string) []string {
	return slices.Concat(probeKeywords, []string{"proxy_protocol", "tls", "full_every"}, trustKeywords, own)
}

// overEither are those of a protocol that UDP carries, too, where there is nothing to connect to.
func overEither(own ...string) []string {
	return slices.DeleteFunc(over(own...), func(k string) bool { return k == "full_every" })
}

// checkKinds returns the kinds by their names.
func checkKinds() map[string]checkKind {
	expect := []string{"send", "send_bytes", "prefix", "bytes", "contains", "match"}
	page := slices.Concat(probeKeywords, []string{"proxy_protocol", "full_every", "path", "host", "status", "contains", "match", "method", "headers", "body", "version", "redirects", "digest", "json"})
	lines := over("user", "password")
	kinds := map[string]checkKind{
		"tcp":        {over(expect...), (*decoder).tcp},
		"http":       {page, (*decoder).http},
		"https":      {slices.Concat(page, trustKeywords), (*decoder).http},
		"grpc":       {over("service"), (*decoder).grpc},
		"udp":        {slices.Concat(probeKeywords, expect, []string{"reply"}), (*decoder).udp},
		"ping":       {[]string{"host", "size"}, (*decoder).ping},
		"dns":        {overEither("protocol", "query", "type", "rcode", "answers"), (*decoder).dns},
		"smtp":       {over("helo"), (*decoder).smtp},
		"imap":       {lines, lineKind(checkers.IMAP)},
		"pop":        {lines, lineKind(checkers.POP)},
		"ftp":        {lines, lineKind(checkers.FTP)},
		"nntp":       {lines, lineKind(checkers.NNTP)},
		"ldap":       {over("user", "password", "base", "filter"), (*decoder).ldap},
		"mysql":      {over("user", "password", "database", "query"), sqlKind(checkers.MySQL)},
		"postgresql": {over("user", "password", "database", "query"), sqlKind(checkers.PostgreSQL)},
		"redis":      {over("user", "password", "role"), (*decoder).redis},
		"sip":        {overEither("protocol", "uri", "from"), (*decoder).sip},
		"radius":     {slices.Concat(probeKeywords, []string{"user", "password", "secret"}), (*decoder).radius},
		"ntp":        {slices.Concat(probeKeywords, []string{"max_stratum", "max_offset"}), (*decoder).ntp},
		"mqtt":       {over("user", "password"), (*decoder).mqtt},
		"script":     {[]string{"command", "weighted", "environment"}, (*decoder).scriptCheck},
		"external":   {[]string{"command", "weighted", "environment"}, (*decoder).external},
		"agent":      {over("send"), (*decoder).agent},
		"file":       {[]string{"file"}, (*decoder).fileCheck},
		"bfd":        {[]string{"session"}, (*decoder).session},
	}
	for name, well := range map[string]bool{"on": true, "off": false} {
		kinds[name] = checkKind{nil, func(*decoder, *rawCheck, subject) checkers.Checker { return checkers.Fixed{Well: well} }}
	}
	return kinds
}

// onOff and startTLS are what tls may be beside "off".
var (
	onOff    = []string{"on"}
	startTLS = []string{"on", "starttls"}
)

func (d *decoder) tcp(raw *rawCheck, of subject) checkers.Checker {
	c := checkers.TCP{Target: d.target(raw, of), Send: d.sent(raw), Expect: d.expect(raw)}
	c.TLS, _ = d.tls(raw, onOff...)
	return c
}

// sent reads what to say first.
func (d *decoder) sent(raw *rawCheck) string {
	text := ""
	d.bytes(raw.Send, `PING\r\n`, &text)
	if raw.SendBytes == nil {
		return text
	}
	if raw.Send != nil {
		d.problem(raw.SendBytes.NameRange, "send and send_bytes are both there", "remove one of them")
	}
	digits := ""
	d.text(raw.SendBytes, "00 ff", &digits)
	b, err := checkers.ParseBytes(digits)
	if err != nil {
		d.problem(raw.SendBytes.Expr.Range(), "send_bytes: "+err.Error(), `write send_bytes = "00 ff", for example`)
	}
	return string(b)
}

// expect reads what an answer must have.
func (d *decoder) expect(raw *rawCheck) checkers.Expect {
	var e checkers.Expect
	d.bytes(raw.Prefix, "+OK", &e.Prefix)
	d.bytes(raw.Contains, "OK", &e.Contains)
	d.text(raw.Match, "^OK", &e.Match)
	d.pattern(raw.Match, e.Match)
	d.text(raw.Bytes, "16 03 XX", &e.Hex)
	if err := (checkers.Expect{Hex: e.Hex}).Validate(); err != nil {
		d.problem(raw.Bytes.Expr.Range(), "bytes: "+err.Error(), `write bytes = "16 03 XX", for example`)
	}
	return e
}

func (d *decoder) grpc(raw *rawCheck, of subject) checkers.Checker {
	c := checkers.GRPC{Target: d.target(raw, of)}
	c.TLS, _ = d.tls(raw, onOff...)
	d.text(raw.Service, "shop.v1.Orders", &c.Service)
	return c
}

func (d *decoder) udp(raw *rawCheck, of subject) checkers.Checker {
	c := checkers.UDP{Target: d.target(raw, of), Send: d.sent(raw), Expect: d.expect(raw)}
	d.flag(raw.Reply, &c.Reply)
	return c
}

func (d *decoder) ping(raw *rawCheck, of subject) checkers.Checker {
	c := checkers.Ping{Host: of.addr.Addr()}
	text := ""
	if d.text(raw.Host, "10.0.0.11", &text) && raw.Host != nil {
		host, err := netip.ParseAddr(text)
		if err != nil {
			d.problem(raw.Host.Expr.Range(), fmt.Sprintf("host %s is no address", quote(text)), `write host = "10.0.0.11", for example, or leave it out for the real server's own`)
		}
		c.Host = host
	}
	d.number(raw.Size, 0, 1400, "", &c.Size)
	return c
}

func (d *decoder) dns(raw *rawCheck, of subject) checkers.Checker {
	c := checkers.DNS{Target: d.target(raw, of)}
	c.TLS, _ = d.tls(raw, onOff...)
	c.TCP = c.TLS != nil
	d.overTCP(raw, c.TLS != nil, &c.TCP)
	d.text(raw.Query, "www.example.net", &c.Name)
	d.text(raw.Type, "A", &c.Type)
	c.Rcodes = d.words(raw.Rcode, "NOERROR")
	c.Answers = d.words(raw.Answers, "192.0.2.10")
	d.tells(raw.Query, checkers.DNS{Target: anywhere, Name: c.Name}, `write query = "www.example.net", for example`)
	d.tells(raw.Type, checkers.DNS{Target: anywhere, Type: c.Type}, `write type = "A", for example`)
	d.tells(raw.Rcode, checkers.DNS{Target: anywhere, Rcodes: c.Rcodes}, `write rcode = ["NOERROR"], for example`)
	return c
}

// anywhere is a target without mistakes.
var anywhere = checkers.Target{Addr: netip.MustParseAddrPort(serverExample)}

// tells reports what a check with nothing but the value of a says of it.
func (d *decoder) tells(a *hcl.Attribute, c interface{ Validate() error }, hint string) {
	if a == nil || d.misread(a) {
		return
	}
	if err := c.Validate(); err != nil {
		d.problem(a.Expr.Range(), err.Error(), hint)
	}
}

// overTCP reads protocol = "udp" or "tcp"; TLS needs the latter.
func (d *decoder) overTCP(raw *rawCheck, secure bool, into *bool) {
	choice(d, raw.Protocol, []string{"udp", "tcp"}, []bool{false, true}, into)
	if secure && !*into {
		d.problem(raw.Protocol.Expr.Range(), "TLS over UDP", `write protocol = "tcp", or remove tls`)
	}
}

// words reads a list of texts.
func (d *decoder) words(a *hcl.Attribute, example string) []string {
	list, _ := d.list(a, example)
	var out []string
	for _, e := range list {
		out = append(out, e.text)
	}
	return out
}

func (d *decoder) smtp(raw *rawCheck, of subject) checkers.Checker {
	c := checkers.SMTP{Target: d.target(raw, of)}
	c.TLS, c.Start = d.tls(raw, startTLS...)
	d.text(raw.Helo, "lb1.example.net", &c.Helo)
	d.tells(raw.Helo, checkers.SMTP{Target: anywhere, Helo: c.Helo}, `write helo = "lb1.example.net", for example`)
	return c
}

func lineKind(p checkers.LineProtocol) func(*decoder, *rawCheck, subject) checkers.Checker {
	return func(d *decoder, raw *rawCheck, of subject) checkers.Checker {
		c := checkers.Lines{Target: d.target(raw, of), Protocol: p, Login: d.login(raw)}
		c.TLS, c.Start = d.tls(raw, startTLS...)
		return c
	}
}

// login reads a user and a password.
func (d *decoder) login(raw *rawCheck) checkers.Login {
	var l checkers.Login
	d.text(raw.User, "probe", &l.User)
	d.text(raw.Password, "s3cret", &l.Password)
	if raw.Password != nil && raw.User == nil && raw.Kind != "redis" {
		d.problem(raw.Password.NameRange, "password without user", `add user = "probe", for example`)
	}
	return l
}

func (d *decoder) ldap(raw *rawCheck, of subject) checkers.Checker {
	c := checkers.LDAP{Target: d.target(raw, of), Login: d.login(raw)}
	c.TLS, c.Start = d.tls(raw, startTLS...)
	d.text(raw.Base, "dc=example,dc=net", &c.Base)
	d.text(raw.Filter, "(objectClass=*)", &c.Filter)
	d.tells(raw.Base, checkers.LDAP{Target: anywhere, Base: c.Base}, `write base = "dc=example,dc=net", for example`)
	d.tells(raw.Filter, checkers.LDAP{Target: anywhere, Filter: c.Filter}, `write filter = "(objectClass=*)", for example`)
	if raw.Base != nil && raw.Filter == nil {
		d.problem(raw.Base.NameRange, "base without filter: nothing is searched for", `add filter = "(objectClass=*)", for example`)
	}
	return c
}

func sqlKind(dialect checkers.Dialect) func(*decoder, *rawCheck, subject) checkers.Checker {
	return func(d *decoder, raw *rawCheck, of subject) checkers.Checker {
		c := checkers.SQL{Target: d.target(raw, of), Dialect: dialect, Login: d.login(raw)}
		c.TLS, _ = d.tls(raw, onOff...)
		d.required(raw.User, raw.Place, fmt.Sprintf("check %q", raw.Kind), "user", `"probe"`)
		d.text(raw.Database, "shop", &c.Database)
		d.text(raw.Query, "SELECT 1", &c.Query)
		return c
	}
}

func (d *decoder) redis(raw *rawCheck, of subject) checkers.Checker {
	c := checkers.Redis{Target: d.target(raw, of), Login: d.login(raw)}
	c.TLS, _ = d.tls(raw, onOff...)
	roles := []string{"master", "slave", "sentinel"}
	choice(d, raw.Role, roles, roles, &c.Role)
	return c
}

func (d *decoder) sip(raw *rawCheck, of subject) checkers.Checker {
	c := checkers.SIP{Target: d.target(raw, of)}
	c.TLS, _ = d.tls(raw, onOff...)
	c.TCP = c.TLS != nil
	d.overTCP(raw, c.TLS != nil, &c.TCP)
	d.text(raw.URI, "sip:ping@example.net", &c.URI)
	d.text(raw.From, "sip:lb1@example.net", &c.From)
	d.tells(raw.URI, checkers.SIP{Target: anywhere, URI: c.URI}, `write uri = "sip:ping@example.net", for example`)
	d.tells(raw.From, checkers.SIP{Target: anywhere, From: c.From}, `write from = "sip:lb1@example.net", for example`)
	return c
}

func (d *decoder) radius(raw *rawCheck, of subject) checkers.Checker {
	c := checkers.RADIUS{Target: d.target(raw, of), Login: d.login(raw)}
	block := fmt.Sprintf("check %q", raw.Kind)
	if d.required(raw.User, raw.Place, block, "user", `"probe"`) && d.required(raw.Secret, raw.Place, block, "secret", `"…"`) {
		d.text(raw.Secret, "s3cret", &c.Secret)
		d.tells(raw.User, checkers.RADIUS{Target: anywhere, Login: c.Login, Secret: "s"}, `write user = "probe", for example`)
	}
	return c
}

func (d *decoder) ntp(raw *rawCheck, of subject) checkers.Checker {
	c := checkers.NTP{Target: d.target(raw, of)}
	d.number(raw.Stratum, 1, 15, "", &c.MaxStratum)
	if raw.Offset != nil {
		d.duration(raw.Offset, span{low: time.Millisecond, high: time.Hour}, &c.MaxOffset)
	}
	return c
}

func (d *decoder) mqtt(raw *rawCheck, of subject) checkers.Checker {
	c := checkers.MQTT{Target: d.target(raw, of), Login: d.login(raw)}
	c.TLS, _ = d.tls(raw, onOff...)
	return c
}

func (d *decoder) agent(raw *rawCheck, of subject) checkers.Checker {
	c := checkers.Agent{Target: d.target(raw, of), Base: of.weight}
	c.TLS, _ = d.tls(raw, onOff...)
	d.bytes(raw.Send, `state\n`, &c.Send)
	return c
}

func (d *decoder) fileCheck(raw *rawCheck, of subject) checkers.Checker {
	var c checkers.File
	if d.required(raw.File, raw.Place, `check "file"`, "file", `"/run/weights/web1"`) && d.text(raw.File, "/run/weights/web1", &c.Path) {
		d.tells(raw.File, c, `write file = "/run/weights/web1", for example`)
	}
	return c
}

// session is a check by a bfd_instance, which may stand anywhere in the files.
func (d *decoder) session(raw *rawCheck, of subject) checkers.Checker {
	name := ""
	if d.required(raw.Session, raw.Place, `check "bfd"`, "session", `"web1"`) && d.text(raw.Session, "web1", &name) && of.addr.IsValid() {
		d.sessions = append(d.sessions, element{text: name, at: raw.Session.Expr.Range()})
	}
	return checkers.Told{Source: kindBFD + "/" + name}
}

// sessionsExist marks the bfd_instances that checks go by as used, and reports checks without one.
func (d *decoder) sessionsExist() {
	if d.undecoded { // it may be in what could not be read
		return
	}
	for _, s := range d.sessions {
		if source := d.sources[kindBFD][s.text]; source != nil {
			source.used = true
			continue
		}
		d.problem(s.at, fmt.Sprintf("there is no bfd_instance %s", quote(s.text)), cmp.Or(suggest(s.text, maps.Keys(d.sources[kindBFD])), undefinedHint(kindBFD, s.text)))
	}
}
