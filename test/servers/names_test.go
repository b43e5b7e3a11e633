//go:build netns

package servers_test

import (
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/checkers"
)

func TestDNSAgainstBind(t *testing.T) {
	dir := folder(t)
	keys := newPKI(t, dir)
	write(t, dir, "zone", `$TTL 60
@ SOA ns.example.net. root.example.net. 1 60 60 60 60
@ NS ns.example.net.
@ MX 10 mail.example.net.
ns A 192.0.2.1
www A 192.0.2.10
www AAAA 2001:db8::10
text TXT "state: OK"
`)
	config := write(t, dir, "named.conf", `
tls own { cert-file "`+keys.cert+`"; key-file "`+keys.key+`"; };
options {
  directory "`+dir+`"; pid-file none; session-keyfile none; recursion no; dnssec-validation no;
  listen-on port 5353 { 127.0.0.1; }; listen-on port 8853 tls own { 127.0.0.1; }; listen-on-v6 { none; };
  allow-query { any; };
};
controls {};
zone "example.net" { type primary; file "`+dir+`/zone"; };
`)
	s := start(t, dir, "", "named", "-g", "-c", config)
	ask := func(name, kind string) checkers.DNS { return checkers.DNS{Target: at(5353), Name: name, Type: kind} }
	over := func(c checkers.DNS, tcp bool, port uint16, tls *checkers.TLS) checkers.DNS {
		c.TCP, c.Target, c.TLS = tcp, at(port), tls
		return c
	}
	wants := func(c checkers.DNS, answers ...string) checkers.DNS {
		c.Answers = answers
		return c
	}
	none := ask("none.example.net", "A")
	none.Rcodes = []string{"NXDOMAIN"}
	for _, c := range []checkers.DNS{
		wants(ask("example.net", "MX"), "10 mail.example.net."), wants(ask("www.example.net", "AAAA"), "2001:db8::10"),
		wants(ask("text.example.net", "TXT"), `"state: OK"`), none, ask("example.net", ""),
		over(ask("www.example.net", "A"), true, 5353, nil), over(ask("www.example.net", "A"), true, 8853, keys.trusts()),
	} {
		s.well(c)
	}
	s.asked(wants(ask("www.example.net", "A"), "192.0.2.10"),
		question{"another answer", wants(ask("www.example.net", "A"), "192.0.2.99"), `"192.0.2.99" is not in the answer`},
		question{"no such name", ask("none.example.net", "A"), "the server answers NXDOMAIN, want NOERROR"},
		question{"no record", ask("www.example.net", "MX"), "the answer has no record"},
		question{"another's name", ask("www.example.org", "A"), "the server answers REFUSED"},
		question{"unknown authority", over(ask("www.example.net", "A"), true, 8853, keys.distrusts()), notTrusted},
	)
	s.unwell("gone, over TCP", over(ask("www.example.net", "A"), true, 5353, nil), timeout, refused)
}

func TestLDAPAgainstOpenLDAP(t *testing.T) {
	dir := folder(t)
	keys := newPKI(t, dir)
	config := write(t, dir, "slapd.conf", `
include /etc/ldap/schema/core.schema
pidfile `+dir+`/pid
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile `+keys.cert+`
TLSCertificateKeyFile `+keys.key+`
database mdb
suffix "dc=example,dc=net"
rootdn "cn=admin,dc=example,dc=net"
rootpw s3cret
directory `+dir+`
`)
	entries := write(t, dir, "entries.ldif", "dn: dc=example,dc=net\nobjectClass: dcObject\nobjectClass: organization\no: example\ndc: example\n")
	must(t, "", "slapadd", "-f", config, "-l", entries)
	s := start(t, dir, "", "slapd", "-d", "0", "-f", config, "-h", "ldap://127.0.0.1:3389 ldaps://127.0.0.1:6636")
	admin := checkers.Login{User: "cn=admin,dc=example,dc=net", Password: "s3cret"}
	plain := checkers.LDAP{Target: at(3389)}
	find := checkers.LDAP{Target: at(3389), Login: admin, Base: "dc=example,dc=net", Filter: "(o=example)"}
	change := func(c checkers.LDAP, f func(*checkers.LDAP)) checkers.LDAP {
		f(&c)
		return c
	}
	s.well(plain)
	s.well(change(find, func(c *checkers.LDAP) { c.TLS, c.Start = keys.trusts(), true }))
	s.well(change(find, func(c *checkers.LDAP) { c.TLS, c.Target = keys.trusts(), at(6636) }))
	s.asked(find,
		question{"wrong password", change(find, func(c *checkers.LDAP) { c.Login.Password = "no" }), "Invalid Credentials"},
		question{"no entry", change(find, func(c *checkers.LDAP) { c.Filter = "(o=other)" }), "no entry below"},
		question{"no such base", change(find, func(c *checkers.LDAP) { c.Base = "dc=example,dc=org" }), "No Such Object"},
		question{"unknown authority", change(find, func(c *checkers.LDAP) { c.TLS, c.Start = keys.distrusts(), true }), notTrusted},
	)
}

func TestNTPAgainstChrony(t *testing.T) {
	dir := folder(t)
	run := func(stratum string) *server {
		config := write(t, dir, "chrony.conf", "local stratum "+stratum+"\nallow 127.0.0.0/8\nport 1123\ncmdport 0\nbindcmdaddress /\npidfile "+dir+"/pid\n")
		return start(t, dir, "", "chronyd", "-x", "-d", "-u", "root", "-f", config)
	}
	s := run("8")
	s.asked(checkers.NTP{Target: at(1123), MaxStratum: 10, MaxOffset: time.Minute},
		question{"too far from a clock", checkers.NTP{Target: at(1123), MaxStratum: 3}, "stratum 8, want at most 3"},
	)
	write(t, dir, "chrony.conf", "allow 127.0.0.0/8\nport 1123\ncmdport 0\nbindcmdaddress /\npidfile "+dir+"/pid\n")
	lost := start(t, dir, "", "chronyd", "-x", "-d", "-u", "root", "-f", dir+"/chrony.conf")
	for end := time.Now().Add(startup); time.Now().Before(end) && probe(checkers.UDP{Target: at(1123), Send: ntpQuestion, Reply: true}, short) != nil; {
	}
	lost.unwell("without any clock", checkers.NTP{Target: at(1123)}, timeout, "the server's time is not to be used")
}

// ntpQuestion is a packet of a client of version 4.
var ntpQuestion = "\x23" + string(make([]byte, 47))

func TestRADIUSAgainstFreeRADIUS(t *testing.T) {
	dir := folder(t)
	must(t, "", "cp", "-a", "/etc/freeradius/3.0/.", dir+"/raddb")
	write(t, dir, "raddb/clients.conf", "client here {\n  ipaddr = 127.0.0.1\n  secret = testing123\n  require_message_authenticator = yes\n}\n")
	write(t, dir, "raddb/mods-config/files/authorize", "probe Cleartext-Password := \"a password of more than sixteen bytes\"\n")
	must(t, "", "sh", "-c", "rm -f "+dir+"/raddb/sites-enabled/* "+dir+"/raddb/mods-enabled/eap")
	write(t, dir, "raddb/sites-enabled/test", `server test {
  listen {
    type = auth
    ipaddr = 127.0.0.1
    port = 1812
  }
  authorize {
    files
    pap
  }
  authenticate {
    pap
  }
}
`)
	s := start(t, dir, "", "freeradius", "-f", "-l", "stdout", "-d", dir+"/raddb")
	ask := checkers.RADIUS{Target: at(1812), Login: checkers.Login{User: "probe", Password: "a password of more than sixteen bytes"}, Secret: "testing123"}
	wrong, other, nobody := ask, ask, ask
	wrong.Login.Password, other.Secret, nobody.Login.User = "no", "testing", "nobody"
	s.asked(ask,
		question{"wrong password", wrong, "the server refuses the user"},
		question{"no such user", nobody, "the server refuses the user"},
	)
	again := start(t, dir, "", "freeradius", "-f", "-l", "stdout", "-d", dir+"/raddb")
	again.well(ask)
	again.unwell("another secret", other, short, "no answer within") // a server does not answer what it cannot trust
}

// TestUDPAgainstBind asks for www.example.net in the bytes of RFC 1035.
func TestUDPAgainstBind(t *testing.T) {
	dir := folder(t)
	write(t, dir, "zone", "$TTL 60\n@ SOA ns root 1 60 60 60 60\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.10\n")
	config := write(t, dir, "named.conf", `
options { directory "`+dir+`"; pid-file none; session-keyfile none; recursion no; listen-on port 5454 { 127.0.0.1; }; listen-on-v6 { none; }; };
controls {};
zone "example.net" { type primary; file "`+dir+`/zone"; };
`)
	s := start(t, dir, "", "named", "-g", "-c", config)
	wire := "\x12\x34\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x03net\x00\x00\x01\x00\x01"
	ask := func(e checkers.Expect) checkers.UDP { return checkers.UDP{Target: at(5454), Send: wire, Expect: e} }
	s.asked(ask(checkers.Expect{Hex: "12 34 XX", Contains: "\xc0\x00\x02\x0a"}),
		question{"another answer", ask(checkers.Expect{Contains: "\xc0\x00\x02\x63"}), "does not contain"},
		question{"another number", ask(checkers.Expect{Hex: "12 35"}), "byte 2 of the answer"},
	)
	s.unwell("gone, nothing expected", checkers.UDP{Target: at(5454), Send: "x"}, timeout, refused)
}
