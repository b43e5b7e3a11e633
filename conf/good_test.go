package conf

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/govrrpd/govrrpd/checkers"
	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/vrrp"
)

// domain compares addresses by value.
var domain = cmp.Options{cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}, netip.Prefix{}), cmpopts.EquateEmpty()}

// mustLoad loads what has to be right.
func mustLoad(t *testing.T, vars map[string]string, paths ...string) *Config {
	t.Helper()
	c, diags := Load(paths, vars)
	if c == nil || len(diags) != 0 {
		var b strings.Builder
		if err := Write(&b, diags); err != nil {
			t.Fatal(err)
		}
		t.Fatalf("load %v:\n%s", paths, b.String())
	}
	return c
}

// file makes a configuration file and returns its path.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "govrrpd.hcl")
	mustWrite(t, path, text)
	return path
}

func mustWrite(tb testing.TB, path, text string) {
	tb.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		tb.Fatal(err)
	}
}

func prefixes(texts ...string) (out []vrrp.Address) {
	for _, text := range texts {
		out = append(out, vrrp.Address{Prefix: netip.MustParsePrefix(text)})
	}
	return out
}

func at(text string) netip.AddrPort { return netip.MustParseAddrPort(text) }

// TestContractExample decodes the example of the project's contract, as far as this version goes, to every value in it.
func TestContractExample(t *testing.T) {
	got := mustLoad(t, nil, "testdata/good/contract.hcl")
	shop := ipvs.Key{Proto: ipvs.TCP, Addr: at("192.0.2.10:80")}
	http := checkers.HTTP{Target: target("10.0.0.11:8080"), Path: "/healthz", Page: checkers.Page{Status: []checkers.StatusRange{{From: 200, To: 299}}}}
	want := &Config{
		Files: []string{"testdata/good/contract.hcl"},
		Global: Global{StateFolder: stateFolderDefault,
			RouterID: "lb1", RTPriority: 50, LockMemory: true, FlushOnStop: true, Refresh: 5 * time.Second,
		},
		Routers: []*vrrp.Config{{
			Name: "web", Interface: "eth0", VRID: 51, Version: vrrp.V3, Priority: 150, AdvertInterval: time.Second, QuietYield: true, NoPreempt: true,
			Checksum: vrrp.FormMessage, Source: netip.MustParseAddr("10.0.0.1"), Peers: []netip.Addr{netip.MustParseAddr("10.0.0.2")},
			Addresses: append(prefixes("192.0.2.10/24", "192.0.2.11/24"),
				vrrp.Address{Prefix: netip.MustParsePrefix("192.0.2.12/24"), Interface: "eth1", Label: "eth1:web", Excluded: true}),
			Announce: vrrp.Announce{Repeat: 3, Delay: 2 * time.Second, Refresh: time.Minute},
		}},
		Services: []ipvs.VirtualServer{{
			Name:    "shop",
			Keys:    []ipvs.Key{shop},
			Service: ipvs.Service{Scheduler: "wrr", Persistence: 5 * time.Minute, Netmask: 0xffffff00},
			Forward: ipvs.NAT, Failed: ipvs.Quiesce,
			Servers: []ipvs.RealServer{{Addr: at("10.0.0.11:8080"), Weight: 10}, {Addr: at("10.0.0.12:8080"), Weight: 1}},
			Sorry:   &ipvs.Dest{Addr: at("10.0.0.99:80"), Forward: ipvs.DR, Weight: 1},
		}},
		Checks: []Check{
			{
				Server: ipvs.ServerID{Service: "shop", Addr: at("10.0.0.11:8080")},
				Config: checkers.Config{Name: "shop 10.0.0.11:8080 http", Checker: http, Interval: 2 * time.Second, Timeout: time.Second, Rise: 2, Fall: 4},
			},
			{
				Server: ipvs.ServerID{Service: "shop", Addr: at("10.0.0.12:8080")},
				Config: checkers.Config{Name: "shop 10.0.0.12:8080 tcp", Checker: checkers.TCP{Target: target("10.0.0.12:8080")}, Interval: 5 * time.Second, Timeout: 2 * time.Second, Rise: 1, Fall: 3},
			},
			{
				Server: ipvs.ServerID{Service: "shop", Addr: at("10.0.0.12:8080")},
				Config: checkers.Config{Name: "shop 10.0.0.12:8080 tcp 2", Checker: checkers.TCP{Target: target("10.0.0.12:9000")}, Interval: time.Second, Timeout: time.Second, Rise: 1, Fall: 3},
			},
		},
	}
	if diff := cmp.Diff(want, got, domain); diff != "" {
		t.Errorf("contract.hcl (-want +got):\n%s", diff)
	}
}

func TestDefaults(t *testing.T) {
	got := mustLoad(t, nil, "testdata/good/smallest.hcl")
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Files:  []string{"testdata/good/smallest.hcl"},
		Global: Global{StateFolder: stateFolderDefault, RouterID: host, Refresh: time.Second},
		Routers: []*vrrp.Config{{
			Name: "web", Interface: "eth0", VRID: 51, Version: vrrp.V3, Priority: 100, AdvertInterval: time.Second,
			Addresses: prefixes("192.0.2.10/32"), Announce: vrrp.AnnounceDefault,
		}},
		Services: []ipvs.VirtualServer{{
			Name:    "shop",
			Keys:    []ipvs.Key{{Proto: ipvs.TCP, Addr: at("192.0.2.10:80")}},
			Service: ipvs.Service{Scheduler: "wlc", Netmask: 0xffffffff},
			Servers: []ipvs.RealServer{{Addr: at("10.0.0.11:80"), Weight: 1}},
		}},
	}
	if diff := cmp.Diff(want, got, domain); diff != "" {
		t.Errorf("smallest.hcl (-want +got):\n%s", diff)
	}
}

func TestVersion2WithPassword(t *testing.T) {
	c := mustLoad(t, map[string]string{"secret": "s3cret"}, "testdata/good/version2.hcl")
	want := []*vrrp.Config{
		{
			Name: "web", Interface: "eth0", VRID: 51, Version: vrrp.V2, Priority: 255, AdvertInterval: 3 * time.Second, Password: "s3cret",
			Source: netip.MustParseAddr("192.0.2.10"), Addresses: prefixes("192.0.2.10/24"), Announce: vrrp.Announce{Repeat: 5},
		},
		{
			Name: "one", Interface: "eth1", VRID: 51, Version: vrrp.V3, Priority: 100, AdvertInterval: 10 * time.Millisecond,
			Peers: []netip.Addr{netip.MustParseAddr("10.0.0.2")}, Addresses: prefixes("192.0.2.10/24"), Announce: vrrp.AnnounceDefault,
		},
		{
			Name: "two", Interface: "eth1", VRID: 51, Version: vrrp.V3, Priority: 100, AdvertInterval: 40950 * time.Millisecond,
			Peers: []netip.Addr{netip.MustParseAddr("10.0.0.3")}, Addresses: prefixes("192.0.2.11/24"), Announce: vrrp.AnnounceDefault,
		},
	}
	if diff := cmp.Diff(want, c.Routers, domain); diff != "" {
		t.Errorf("version2.hcl (-want +got):\n%s", diff)
	}
}

// TestDynamicBlocks makes services out of data with every kind of expression.
func TestDynamicBlocks(t *testing.T) {
	c := mustLoad(t, nil, "testdata/good/dynamic.hcl")
	var got []string
	for _, s := range c.Services {
		for _, rs := range s.Servers {
			got = append(got, fmt.Sprintf("%s %s %s %s %d", s.Name, s.Keys[0], s.Forward, rs.Addr, rs.Weight))
		}
	}
	for _, check := range c.Checks {
		switch kind := check.Checker.(type) {
		case checkers.TCP:
			got = append(got, fmt.Sprintf("%s {%s}", check.Name, kind.Addr))
		case checkers.Script:
			got = append(got, fmt.Sprintf("%s {%v %t}", check.Name, kind.Command, kind.Weighted))
		}
	}
	want := []string{
		"dns-0 udp 192.0.2.20:53 dr 10.1.0.1:53 1",
		"dns-0 udp 192.0.2.20:53 dr 10.1.0.2:53 2",
		"dns-1 udp 192.0.2.21:53 dr 10.1.1.1:53 1",
		"dns-1 udp 192.0.2.21:53 dr 10.1.1.2:53 2",
		"shop tcp 192.0.2.10:80 nat 10.0.0.11:8080 10",
		"shop tcp 192.0.2.10:80 nat 10.0.0.12:8081 20",
		"dns-0 10.1.0.1:53 script {[true 10.1.0.1 53 dns-0] true}",
		"dns-0 10.1.0.2:53 script {[true 10.1.0.2 53 dns-0] true}",
		"dns-1 10.1.1.1:53 script {[true 10.1.1.1 53 dns-1] true}",
		"dns-1 10.1.1.2:53 script {[true 10.1.1.2 53 dns-1] true}",
		"shop 10.0.0.11:8080 tcp {10.0.0.11:9000}",
		"shop 10.0.0.12:8081 tcp {10.0.0.12:9000}",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("dynamic.hcl (-want +got):\n%s", diff)
	}
}

func TestHTTPSCheck(t *testing.T) {
	c := mustLoad(t, nil, "testdata/good/https.hcl")
	want := []checkers.Checker{
		checkers.HTTP{
			Target: target("10.0.0.11:8443"), TLS: &checkers.TLS{SkipVerify: true}, Host: "www.example.net", Path: "/healthz?deep=1",
			Page: checkers.Page{Contains: "OK", Match: `^\d+`, Status: []checkers.StatusRange{{From: 200, To: 200}, {From: 301, To: 302}}},
		},
		checkers.HTTP{Target: target("10.0.0.11:443"), TLS: &checkers.TLS{}, Path: "/", Page: checkers.Page{Status: []checkers.StatusRange{{From: 200, To: 299}}}},
	}
	var got []checkers.Checker
	for _, check := range c.Checks {
		got = append(got, check.Checker)
	}
	if diff := cmp.Diff(want, got, domain); diff != "" {
		t.Errorf("https.hcl (-want +got):\n%s", diff)
	}
}

// TestScriptsRunAsTheUser resolves script_user; root is the one user that every host has.
func TestScriptsRunAsTheUser(t *testing.T) {
	c := mustLoad(t, nil, file(t, `
global { script_user = "root" }
virtual_server "shop" {
  address = "192.0.2.10:80"
  check "script" { command = ["/bin/sh", "-c", "exit 0"] }
  real_server "10.0.0.11:80" {}
}`))
	want := checkers.Script{Command: []string{"/bin/sh", "-c", "exit 0"}, User: &checkers.Credential{UID: 0, GID: 0}}
	if diff := cmp.Diff(checkers.Checker(want), c.Checks[0].Checker); diff != "" {
		t.Errorf("script check (-want +got):\n%s", diff)
	}
}

func TestVariables(t *testing.T) {
	const text = `
variable "text" { default = "web" }
variable "number" { default = 100 }
variable "flag" { default = true }
variable "list" { default = ["192.0.2.10/24"] }
variable "typed" { type = list(string) }
variable "plain" {}
variable "object" {
  type    = object({ delay = optional(string, "7s") })
  default = {}
}
vrrp_instance "web" {
  interface         = var.text
  virtual_router_id = var.plain
  priority          = var.number
  preempt           = var.flag
  virtual_addresses = concat(var.list, var.typed)
  garp { delay = var.object.delay }
}`
	vars := map[string]string{
		"text": "eth7", "number": "120", "flag": "false", "list": `["192.0.2.20/24"]`, "typed": `["192.0.2.21/24", "192.0.2.22/24"]`, "plain": "77",
	}
	got := mustLoad(t, vars, file(t, text)).Routers[0]
	want := &vrrp.Config{
		Name: "web", Interface: "eth7", VRID: 77, Version: vrrp.V3, Priority: 120, AdvertInterval: time.Second, NoPreempt: true,
		Addresses: prefixes("192.0.2.20/24", "192.0.2.21/24", "192.0.2.22/24"), Announce: vrrp.Announce{Repeat: 5, Delay: 7 * time.Second},
	}
	if diff := cmp.Diff(want, got, domain); diff != "" {
		t.Errorf("router made of variables (-want +got):\n%s", diff)
	}
}

func TestNullMeansUnset(t *testing.T) {
	c := mustLoad(t, nil, file(t, `
vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  priority          = null
  source            = null
  virtual_addresses = ["192.0.2.10/24"]
}`))
	if r := c.Routers[0]; r.Priority != 100 || r.Source.IsValid() {
		t.Errorf("priority %d and source %v, want the defaults 100 and none", r.Priority, r.Source)
	}
}

func TestFolderIsReadInOrderOfNames(t *testing.T) {
	c := mustLoad(t, nil, "testdata/good/folder")
	if diff := cmp.Diff([]string{"testdata/good/folder/10-routers.hcl", "testdata/good/folder/20-services.hcl"}, c.Files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if len(c.Routers) != 1 || len(c.Services) != 1 || c.Services[0].Keys[0].Addr != at("192.0.2.10:80") {
		t.Errorf("%d routers, services %v, want one of each at the variable's address", len(c.Routers), c.Services)
	}
}

func TestFileNamedTwiceIsReadOnce(t *testing.T) {
	c := mustLoad(t, nil, "testdata/good/folder", "testdata/good/folder/../folder/10-routers.hcl")
	if len(c.Files) != 2 || len(c.Routers) != 1 {
		t.Errorf("files %v and %d routers, want 2 and 1", c.Files, len(c.Routers))
	}
}

// TestMistakesAcrossFiles names the other file of a duplicate.
func TestMistakesAcrossFiles(t *testing.T) {
	t.Chdir("testdata/folder")
	const want = `b.hcl:1,15: vrrp_instance "web" is defined twice
    1 | vrrp_instance "web" {
      |               ^^^^^
      = hint: the first is at a.hcl:1: give this one another name
`
	if diff := cmp.Diff(want, diagnose(t, nil, ".")); diff != "" {
		t.Errorf("diagnostics of the folder (-want +got):\n%s", diff)
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	big := filepath.Join(dir, "big.hcl")
	mustWrite(t, big, strings.Repeat("# 16 MiB and more of this\n", 1<<20))
	empty := filepath.Join(dir, "empty")
	if err := os.Mkdir(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, filepath.Join(empty, ".hidden.hcl"), "not HCL {")
	nested := filepath.Join(dir, "nested")
	if err := os.MkdirAll(filepath.Join(nested, "more.hcl"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		paths []string
		vars  map[string]string
		want  string
	}{
		{"missing", []string{"/nonexistent/govrrpd"}, nil, "/nonexistent/govrrpd: there is no such file or folder\n  hint: check the path; the default is /etc/govrrpd\n"},
		{"empty folder", []string{empty}, nil, empty + ": the folder has no *.hcl file\n  hint: put the configuration into " + empty + "/govrrpd.hcl\n"},
		{"too large", []string{big}, nil, big + ": the configuration has more than 16 MiB\n  hint: say with dynamic blocks what repeats\n"},
		{"device", []string{"/dev/null"}, nil, "/dev/null: this is neither a file nor a folder\n  hint: name a file, or a folder of *.hcl files\n"},
		{"below a file", []string{big + "/x"}, nil, big + "/x: cannot be read: not a directory\n"},
		{
			"folder in a folder", []string{nested}, nil,
			nested + "/more.hcl: this is a folder in a folder of configuration files\n  hint: move its files up, or rename it so that it does not end in .hcl\n",
		},
		{"empty path", []string{""}, nil, "no configuration file was named\n  hint: name a file, or a folder of *.hcl files\n"},
		{"nothing named", nil, nil, "no configuration file was named\n  hint: name a file, or a folder of *.hcl files\n"},
		{
			"undeclared variable", []string{"testdata/good/folder"}, map[string]string{"vpi": "192.0.2.10/24"},
			"variable \"vpi\" was given a value but is not declared\n  hint: did you mean \"vip\"? declare it with: variable \"vpi\" {}\n",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, diagnose(t, tc.vars, tc.paths...)); diff != "" {
				t.Errorf("diagnostics (-want +got):\n%s", diff)
			}
		})
	}
}

// TestGivenSecretsStaySecret: what --var and the environment give is not quoted either.
func TestGivenSecretsStaySecret(t *testing.T) {
	path := file(t, `
variable "n" { type = number }
variable "l" { type = list(string) }
vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = var.n
  virtual_addresses = var.l
}`)
	got := diagnose(t, map[string]string{"n": "hunter2", "l": "hunter2 ["}, path)
	if !strings.Contains(got, `variable "n" does not fit its type`) || !strings.Contains(got, `variable "l" is not an HCL expression`) || strings.Contains(got, "hunter2") {
		t.Errorf("diagnostics:\n%swant both variables named and no value shown", got)
	}
}
