package conf

import (
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/checkers"
)

func target(addr string) checkers.Target { return checkers.Target{Addr: netip.MustParseAddrPort(addr)} }

// TestEveryKindOfCheck decodes a check of each kind with all of its keywords.
func TestEveryKindOfCheck(t *testing.T) {
	c := mustLoad(t, nil, "testdata/good/checks.hcl")
	server := target("10.0.0.11:80")
	secure := &checkers.TLS{}
	login := checkers.Login{User: "probe", Password: "s3cret"}
	want := map[string]checkers.Checker{
		"tcp": checkers.TCP{
			Target: checkers.Target{Addr: netip.MustParseAddrPort("10.0.0.11:81"), Source: netip.MustParseAddr("10.0.0.1"), Device: "eth1", Mark: 7, Proxy: 2},
			TLS:    &checkers.TLS{Name: "web.example.net", SkipVerify: true, Expiry: 14 * 24 * time.Hour},
			Send:   "PING\r\n", Expect: checkers.Expect{Prefix: "+", Contains: "PONG", Match: "^.PONG", Hex: "2b XX"},
		},
		"http": checkers.HTTP{
			Target: server, Path: "/", Version: "1.0", Method: "POST", Headers: map[string]string{"X-Probe": "1"}, Body: "{}\n", Redirects: 2,
			Page: checkers.Page{
				Status: []checkers.StatusRange{{From: 200, To: 299}}, Digest: "d41d8cd98f00b204e9800998ecf8427e",
				JSON: map[string]string{"status": "up", "db.0.lag": "3", "ready": "true"},
			},
		},
		"https":      checkers.HTTP{Target: server, Path: "/", Version: "2", TLS: secure, Page: checkers.Page{Status: []checkers.StatusRange{{From: 200, To: 299}}}},
		"grpc":       checkers.GRPC{Target: server, TLS: secure, Service: "shop.v1.Orders"},
		"udp":        checkers.UDP{Target: server, Send: "\x00\xff", Reply: true},
		"ping":       checkers.Ping{Host: netip.MustParseAddr("10.0.0.11"), Size: 64},
		"dns":        checkers.DNS{Target: server, TCP: true, TLS: secure, Name: "www.example.net", Type: "A", Rcodes: []string{"NOERROR"}, Answers: []string{"192.0.2.10"}},
		"smtp":       checkers.SMTP{Target: server, TLS: secure, Start: true, Helo: "lb1.example.net"},
		"imap":       checkers.Lines{Target: server, Protocol: checkers.IMAP, TLS: secure, Login: login},
		"pop":        checkers.Lines{Target: server, Protocol: checkers.POP, TLS: secure, Start: true},
		"ftp":        checkers.Lines{Target: server, Protocol: checkers.FTP, Login: login},
		"nntp":       checkers.Lines{Target: server, Protocol: checkers.NNTP},
		"ldap":       checkers.LDAP{Target: server, TLS: secure, Start: true, Login: login, Base: "dc=example,dc=net", Filter: "(uid=probe)"},
		"mysql":      checkers.SQL{Target: server, Dialect: checkers.MySQL, TLS: secure, Login: login, Database: "shop", Query: "SELECT 1"},
		"postgresql": checkers.SQL{Target: server, Dialect: checkers.PostgreSQL, Login: login},
		"redis":      checkers.Redis{Target: server, Login: checkers.Login{Password: "s3cret"}, Role: "master"},
		"sip":        checkers.SIP{Target: server, TCP: true, URI: "sip:ping@example.net", From: "sip:lb1@example.net"},
		"radius":     checkers.RADIUS{Target: server, Login: login, Secret: "testing123"},
		"ntp":        checkers.NTP{Target: server, MaxStratum: 3, MaxOffset: 100 * time.Millisecond},
		"mqtt":       checkers.MQTT{Target: server, Login: login},
		"script":     checkers.Script{Command: []string{"true"}, Environment: map[string]string{"PROBE": "1"}},
		"external":   checkers.Script{Command: []string{"true", "-v", "192.0.2.10", "80", "10.0.0.11", "80"}},
		"agent":      checkers.Agent{Target: target("10.0.0.11:9999"), Send: "state\n", Base: 10},
		"file":       checkers.File{Path: "/run/weights/web1"},
		"bfd":        checkers.Told{Source: "bfd/web1"},
		"on":         checkers.Fixed{Well: true},
		"off":        checkers.Fixed{},
	}
	got := map[string]checkers.Checker{}
	for i, check := range c.Checks {
		got[checkKindNames()[i]] = check.Checker
	}
	if diff := cmp.Diff(want, got, domain); diff != "" {
		t.Errorf("checks.hcl (-want +got):\n%s", diff)
	}
}

// TestKindsAndKeywordsOfChecks: every kind is in the list that users see, and every keyword is one of a check.
func TestKindsAndKeywordsOfChecks(t *testing.T) {
	if diff := cmp.Diff(slices.Sorted(maps.Keys(checkKinds())), slices.Sorted(slices.Values(checkKindNames()))); diff != "" {
		t.Errorf("kinds (-built +listed):\n%s", diff)
	}
	schema, _ := schemaOf("check")
	used := map[string]bool{}
	for name, kind := range checkKinds() {
		for _, keyword := range kind.keywords {
			if used[keyword] = true; schema[keyword] != "attribute" {
				t.Errorf("check %q has %s, which is no keyword of a check", name, keyword)
			}
		}
	}
	for keyword := range schema {
		if !used[keyword] && !slices.Contains(commonKeywords, keyword) {
			t.Errorf("no kind of check has %s", keyword)
		}
	}
}

// TestLdirectordsChecksHaveTheirKindsHere: every checktype and service of ldirectord has a row, and every kind that a row names is one.
func TestLdirectordsChecksHaveTheirKindsHere(t *testing.T) {
	page := section(reference(t), "check")
	for _, word := range strings.Fields("checktype=connect checktype=external checktype=external-perl checktype=negotiate checktype=off checktype=on checktype=ping " +
		"service=dns service=ftp service=http service=https service=http_proxy service=imap service=imaps service=ldap service=ldaps service=mysql service=nntp " +
		"service=none service=oracle service=pgsql service=pop service=pops service=radius service=simpletcp service=sip service=smtp service=submission") {
		if !strings.Contains(page, "`"+word+"`") {
			t.Errorf("the page has no row for %s", word)
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `(?:checktype|service)=.*$").FindAllString(page, -1) {
		kinds := regexp.MustCompile("`check \"([a-z]+)\"`").FindAllStringSubmatch(m, -1)
		if len(kinds) == 0 && !strings.Contains(m, "negotiate") {
			t.Errorf("%s names no kind of check", m)
		}
		for _, k := range kinds {
			if _, ok := checkKinds()[k[1]]; !ok {
				t.Errorf("%s names %q, which is no kind of check", m, k[1])
			}
		}
	}
}
