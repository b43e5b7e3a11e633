//go:build lab

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/conf"
	"github.com/govrrpd/govrrpd/ipvs"
)

// A twin is a service as ipvsadm is told of it, one line of `ipvsadm -R` each, and what stands in the virtual_server block for the same.
type twin struct{ rules, hcl string }

// TestConfigurationIsTheTwinOfIpvsadm: what a configuration makes of an empty table is, byte for byte in `ipvsadm -Sn`, what ipvsadm's own
// options make of one. Thresholds are not saved, so they are compared as they are listed.
func TestConfigurationIsTheTwinOfIpvsadm(t *testing.T) {
	runtime.LockOSThread() // the namespace goes with the thread
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	// Without a local routing table the kernel takes every address for a broadcast, and refuses it as a destination.
	command(t, "", "ip", "link", "set", "lo", "up")
	n, err := ipvs.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	path := filepath.Join(t.TempDir(), "govrrpd.hcl")
	seen := map[string]bool{}
	for _, tw := range twins() {
		theirs := twinOfIpvsadm(t, tw.rules)
		ours := twinOfConf(t, n, path, tw.hcl)
		if d := cmp.Diff(theirs, ours); d != "" {
			t.Errorf("%s\nipvsadm -Sn and -Ln --thresholds (-ipvsadm +ours):\n%s", tw.hcl, d)
		}
		if seen[theirs] {
			t.Errorf("the table of this twin is that of another one:\n%s", tw.rules)
		}
		seen[theirs] = true
	}
	t.Logf("%d twins", len(seen))
}

// twinOfIpvsadm returns what ipvsadm saves after it took rules into an empty table, and checks that it took all of them.
func twinOfIpvsadm(t *testing.T, rules string) string {
	t.Helper()
	command(t, "-C\n"+rules+"\n", "ipvsadm", "-R")
	saved := command(t, "", "ipvsadm", "-S", "-n")
	if got, want := strings.Count(saved, "\n"), strings.Count(rules, "\n")+1; got != want {
		t.Errorf("ipvsadm took %d of %d rules:\n%s\nand saves\n%s", got, want, rules, saved)
	}
	return saved + thresholds(t)
}

func thresholds(t *testing.T) string {
	t.Helper()
	return command(t, "", "ipvsadm", "-L", "-n", "--thresholds")
}

// twinOfConf returns what ipvsadm saves after the configuration was applied to an empty table.
func twinOfConf(t *testing.T, n *ipvs.Netlink, path, hcl string) string {
	t.Helper()
	command(t, "", "ipvsadm", "-C")
	if err := os.WriteFile(path, []byte("virtual_server \"twin\" {\n"+hcl+"\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, diags := conf.Load([]string{path}, nil)
	if c == nil {
		var b bytes.Buffer
		_ = conf.Write(&b, diags) // a buffer takes everything
		t.Errorf("%s", b.String())
		return ""
	}
	ops := ipvs.Diff(nil, ipvs.Desired(c.Services, nil))
	for i, err := range n.Apply(ops) {
		if err != nil {
			t.Errorf("%s: %v", ops[i], err)
		}
	}
	return command(t, "", "ipvsadm", "-S", "-n") + thresholds(t)
}

// command runs a command on the thread of the test, which is in its namespace, and returns its output.
func command(t *testing.T, stdin, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, stdin, out)
	}
	return string(out)
}

func twins() []twin {
	return concat(serviceTwins(), schedulerTwins(), persistenceTwins(), serverTwins(), forwardTwins(), tunnelTwins(), familyTwins())
}

func concat(lists ...[]twin) (out []twin) {
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

// serviceTwins are -t, -u, --sctp-service, -f and -6, -o, and a service alone.
func serviceTwins() []twin {
	return []twin{
		{"-A -t 192.0.2.10:80", `address = "192.0.2.10:80"`},
		{"-A -t 192.0.2.14:80\n-a -t 192.0.2.14:80 -r 10.0.0.1:8080 -m\n-A -t 192.0.2.15:80\n-a -t 192.0.2.15:80 -r 10.0.0.1:8080 -m\n" +
			"-A -t 192.0.2.10:443\n-a -t 192.0.2.10:443 -r 10.0.0.1:8080 -m", `addresses = ["192.0.2.14/31:80", "192.0.2.10:443"]
  real_server "10.0.0.1:8080" {}`},
		{"-A -t 192.0.2.10:65535", `address = "192.0.2.10:65535"`},
		{"-A -u 192.0.2.10:53", "address = \"192.0.2.10:53\"\nprotocol = \"udp\""},
		{"-A --sctp-service 192.0.2.10:3868", "address = \"192.0.2.10:3868\"\nprotocol = \"sctp\""},
		{"-A -t [2001:db8::10]:80", `address = "[2001:db8::10]:80"`},
		{"-A -u [2001:db8::10]:53", "address = \"[2001:db8::10]:53\"\nprotocol = \"udp\""},
		{"-A --sctp-service [2001:db8::10]:3868", "address = \"[2001:db8::10]:3868\"\nprotocol = \"sctp\""},
		{"-A -f 1", "fwmark = 1"},
		{"-A -f 4294967295", "fwmark = 4294967295"},
		{"-A -f 1 -6", "fwmark = 1\nfamily = \"ipv6\""},
		{"-A -u 192.0.2.10:53 -o", "address = \"192.0.2.10:53\"\nprotocol = \"udp\"\none_packet = true"},
		{"-A -u [2001:db8::10]:53 -o", "address = \"[2001:db8::10]:53\"\nprotocol = \"udp\"\none_packet = true"},
		{"-A -f 1 -o", "fwmark = 1\none_packet = true"},
		{"-A -f 1 -6 -o", "fwmark = 1\nfamily = \"ipv6\"\none_packet = true"},
	}
}

// schedulerTwins are -s and -b, for services of each kind. twos is not in every kernel of the lab, and wlc is the default.
func schedulerTwins() []twin {
	var out []twin
	for _, of := range []twin{
		{"-A -t 192.0.2.10:80 -s ", `address = "192.0.2.10:80"`},
		{"-A -u [2001:db8::10]:80 -s ", "address = \"[2001:db8::10]:80\"\nprotocol = \"udp\""},
		{"-A -f 7 -s ", "fwmark = 7"},
	} {
		for _, s := range ipvs.Schedulers() {
			if s != "twos" && s != "wlc" {
				out = append(out, twin{of.rules + s, of.hcl + fmt.Sprintf("\nscheduler = %q", s)})
			}
		}
		for _, flags := range []string{"sh-port", "sh-fallback", "sh-fallback,sh-port", "mh-port", "mh-fallback", "mh-fallback,mh-port"} {
			out = append(out, twin{of.rules + flags[:2] + " -b " + flags,
				of.hcl + fmt.Sprintf("\nscheduler = %q\nscheduler_flags = split(\",\", %q)", flags[:2], flags)})
		}
	}
	return out
}

// persistenceTwins are -p, -M and --pe, and the port 0 that needs -p.
func persistenceTwins() []twin {
	block := func(lines ...string) string { return "\npersistence {\n" + strings.Join(lines, "\n") + "\n}" }
	const tcp, tcp6, minute = `address = "192.0.2.10:443"`, `address = "[2001:db8::10]:443"`, `timeout = "60s"`
	return []twin{
		{"-A -t 192.0.2.10:443 -p", tcp + block(`timeout = "6m"`)},
		{"-A -t 192.0.2.10:443 -p 1", tcp + block(`timeout = "1s"`)},
		{"-A -t 192.0.2.10:443 -p 2678400", tcp + block(`timeout = "744h"`)},
		{"-A -t 192.0.2.10:443 -p 60 -M 255.255.255.0", tcp + block(minute, "prefix = 24")},
		{"-A -t 192.0.2.10:443 -p 60 -M 128.0.0.0", tcp + block(minute, "prefix = 1")},
		{"-A -t 192.0.2.10:443 -p 60 -M 255.255.0.0", tcp + block(minute, `netmask = "255.255.0.0"`)},
		{"-A -t 192.0.2.10:443 -p 60 -M 255.0.255.0", tcp + block(minute, `netmask = "255.0.255.0"`)},
		{"-A -t [2001:db8::10]:443 -p 60", tcp6 + block(minute)},
		{"-A -t [2001:db8::10]:443 -p 60 -M 64", tcp6 + block(minute, "prefix = 64")},
		{"-A -t [2001:db8::10]:443 -p 60 -M 1", tcp6 + block(minute, "prefix = 1")},
		{"-A -t 192.0.2.10:0 -p 60", `address = "192.0.2.10:0"` + block(minute)},
		{"-A -t [2001:db8::10]:0 -p 60", `address = "[2001:db8::10]:0"` + block(minute)},
		{"-A -f 1 -p 60 -M 255.255.255.0", "fwmark = 1" + block(minute, "prefix = 24")},
		{"-A -f 1 -6 -p 60 -M 56", "fwmark = 1\nfamily = \"ipv6\"" + block(minute, "prefix = 56")},
		{"-A -u 192.0.2.10:5060 -p 60 --pe sip", "address = \"192.0.2.10:5060\"\nprotocol = \"udp\"" + block(minute, `engine = "sip"`)},
		{"-A -u 192.0.2.10:5060 -o -p 60 -M 255.255.255.0 --pe sip",
			"address = \"192.0.2.10:5060\"\nprotocol = \"udp\"\none_packet = true" + block(minute, "prefix = 24", `engine = "sip"`)},
		{"-A -f 1 -p 60 --pe sip", "fwmark = 1" + block(minute, `engine = "sip"`)},
	}
}

// serverTwins are -r with and without a port, -g, -i, -m, -w, -x and -y.
func serverTwins() []twin {
	const add, web = "-A -t 192.0.2.10:80\n-a -t 192.0.2.10:80 -r ", "address = \"192.0.2.10:80\"\n"
	block := func(lines ...string) string {
		return "real_server \"10.0.0.1:80\" {\n" + strings.Join(lines, "\n") + "\n}"
	}
	return []twin{
		{add + "10.0.0.1 -m", web + `real_server "10.0.0.1:80" {}`},
		{add + "10.0.0.1:8080 -m", web + `real_server "10.0.0.1:8080" {}`},
		{add + "10.0.0.1 -g", web + block(`forward = "dr"`)},
		{add + "10.0.0.1 -i", web + block(`forward = "tun"`)},
		{add + "10.0.0.1 -g -w 0", web + "forward = \"dr\"\n" + block("weight = 0")},
		{add + "10.0.0.1 -i -w 65535", web + "forward = \"tun\"\n" + block("weight = 65535")},
		{add + "10.0.0.1 -m -x 1000", web + block("upper_threshold = 1000")},
		{add + "10.0.0.1 -m -x 65535 -y 1", web + block("upper_threshold = 65535", "lower_threshold = 1")},
		{add + "10.0.0.1 -m -x 9 -y 9", web + "upper_threshold = 9\nlower_threshold = 9\n" + block()},
		{add + "10.0.0.1 -m\n-a -t 192.0.2.10:80 -r 10.0.0.2 -g -w 2\n-a -t 192.0.2.10:80 -r 10.0.0.3 -i -w 3",
			web + block() + "\nreal_server \"10.0.0.2:80\" {\nforward = \"dr\"\nweight = 2\n}\nreal_server \"10.0.0.3:80\" {\nforward = \"tun\"\nweight = 3\n}"},
		{add + "10.0.0.9:81 -m", web + `sorry_server "10.0.0.9:81" {}`},
		{add + "10.0.0.9 -g -x 5 -y 4", web + "sorry_server \"10.0.0.9:80\" {\nforward = \"dr\"\nupper_threshold = 5\nlower_threshold = 4\n}"},
		{"-A -f 1\n-a -f 1 -r 10.0.0.1 -m", "fwmark = 1\nreal_server \"10.0.0.1\" {}"},
		{"-A -f 1\n-a -f 1 -r 10.0.0.1:80 -m", "fwmark = 1\nreal_server \"10.0.0.1:80\" {}"},
		{"-A -f 1\n-a -f 1 -r 10.0.0.1 -g", "fwmark = 1\nforward = \"dr\"\nreal_server \"10.0.0.1\" {}"},
		{"-A -u 192.0.2.10:53\n-a -u 192.0.2.10:53 -r 10.0.0.1 -g", "address = \"192.0.2.10:53\"\nprotocol = \"udp\"\nforward = \"dr\"\nreal_server \"10.0.0.1:53\" {}"},
		{"-A -t 192.0.2.10:0 -p 60\n-a -t 192.0.2.10:0 -r 10.0.0.1 -g", "address = \"192.0.2.10:0\"\nforward = \"dr\"\npersistence { timeout = \"60s\" }\nreal_server \"10.0.0.1\" {}"},
	}
}

// forwardTwins are each way of forwarding with each protocol and family.
func forwardTwins() []twin {
	var out []twin
	for _, proto := range [][2]string{{"-t", "tcp"}, {"-u", "udp"}, {"--sctp-service", "sctp"}} {
		for _, addr := range [][2]string{{"192.0.2.10:99", "10.0.0.1:99"}, {"[2001:db8::10]:99", "[2001:db8::1]:99"}} {
			for _, forward := range [][2]string{{"-m", "nat"}, {"-g", "dr"}, {"-i", "tun"}} {
				service := proto[0] + " " + addr[0]
				out = append(out, twin{
					"-A " + service + " -s rr\n-a " + service + " -r " + addr[1] + " " + forward[0] + " -w 7",
					fmt.Sprintf("address = %q\nprotocol = %q\nscheduler = \"rr\"\nforward = %q\nreal_server %q { weight = 7 }", addr[0], proto[1], forward[1], addr[1]),
				})
			}
		}
	}
	return out
}

// tunnelTwins are the --tun- options.
func tunnelTwins() []twin {
	const add, web = "-A -t 192.0.2.10:80\n-a -t 192.0.2.10:80 -r 10.0.0.1 -i --tun-type ", "address = \"192.0.2.10:80\"\nforward = \"tun\"\n"
	with := func(lines ...string) string {
		return web + "tunnel {\n" + strings.Join(lines, "\n") + "\n}\nreal_server \"10.0.0.1:80\" {}"
	}
	return []twin{
		{add + "gue --tun-port 6080", with(`type = "gue"`, "port = 6080")},
		{add + "gue --tun-port 65535 --tun-csum", with(`type = "gue"`, "port = 65535", `checksum = "full"`)},
		{add + "gue --tun-port 1 --tun-remcsum", with(`type = "gue"`, "port = 1", `checksum = "remote"`)},
		{add + "gue --tun-port 2 --tun-nocsum", with(`type = "gue"`, "port = 2", `checksum = "none"`)},
		{add + "gre", with(`type = "gre"`)},
		{add + "gre --tun-csum", with(`type = "gre"`, `checksum = "full"`)},
	}
}

// familyTwins are servers over IPv6, and of the other family than their service.
func familyTwins() []twin {
	const add, web = "-A -t [2001:db8::10]:80\n-a -t [2001:db8::10]:80 -r ", "address = \"[2001:db8::10]:80\"\n"
	return []twin{
		{add + "[2001:db8::1]:8080 -m", web + `real_server "[2001:db8::1]:8080" {}`},
		{add + "[2001:db8::1]:80 -g", web + `real_server "[2001:db8::1]:80" { forward = "dr" }`},
		{add + "[2001:db8::1]:80 -i", web + `real_server "[2001:db8::1]:80" { forward = "tun" }`},
		{add + "10.0.0.1:80 -i", web + `real_server "10.0.0.1:80" { forward = "tun" }`},
		{"-A -t 192.0.2.10:80\n-a -t 192.0.2.10:80 -r [2001:db8::1]:80 -i", "address = \"192.0.2.10:80\"\nreal_server \"[2001:db8::1]:80\" { forward = \"tun\" }"},
		{"-A -f 1 -6\n-a -f 1 -6 -r [2001:db8::1]:0 -m", "fwmark = 1\nfamily = \"ipv6\"\nreal_server \"2001:db8::1\" {}"},
		{"-A -f 1 -6\n-a -f 1 -6 -r [2001:db8::1]:80 -m", "fwmark = 1\nfamily = \"ipv6\"\nreal_server \"[2001:db8::1]:80\" {}"},
	}
}
