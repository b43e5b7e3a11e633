//go:build lab

package netns_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/test/netns"
)

// A keepalivedTwin is a service in keepalived's language and in ours. Without keys of its own it is TCP, port 80 of an address that no other
// twin has.
type keepalivedTwin struct {
	keepalived, hcl string // what stands in the block
	key, hclKey     string
}

// Servers that are alive have no check; one with a check of port 9 of the loopback, where nobody listens, is found dead at once.
const (
	twoOfKeepalived = "real_server 10.0.0.11 80 {\n}\nreal_server 10.0.0.12 80 {\nweight 3\n}"
	twoServers      = "real_server \"10.0.0.11:80\" {}\nreal_server \"10.0.0.12:80\" { weight = 3 }"

	deadOfKeepalived = "TCP_CHECK {\nconnect_ip 127.0.0.1\nconnect_port 9\nconnect_timeout 1\nretry 1\ndelay_before_retry 1\n}"
	deadCheck        = "check \"tcp\" {\naddress = \"127.0.0.1:9\"\ninterval = \"500ms\"\ntimeout = \"400ms\"\n}"
)

// TestConfigurationIsTheTwinOfKeepalived: keepalived and govrrpd, each with all twins in one file and in a namespace of its own, come to the
// same table, byte for byte in what ipvsadm saves and lists of it.
func TestConfigurationIsTheTwinOfKeepalived(t *testing.T) {
	twins := keepalivedTwins()
	t.Logf("%d twins", len(twins))
	w := netns.New(t)
	theirs, ours := w.Node("theirs"), w.Node("ours")
	theirs.Keepalived("keepalived", configOfKeepalived(twins), "--check")
	ours.Govrrpd(configOfGovrrpd(twins))
	w.WaitNone(time.Minute, "the tables to be equal (-keepalived +govrrpd)", func() string {
		want := saved(t, theirs)
		if n := strings.Count(strings.Join(want, "\n"), "-A "); n != len(twins) {
			return fmt.Sprintf("keepalived has %d of %d services", n, len(twins))
		}
		if slices.ContainsFunc(want, servesDead) {
			return "keepalived's checks have not spoken"
		}
		return cmp.Diff(want, saved(t, ours))
	})
}

// servesDead reports whether a line is that of a server whose check fails and that takes connections all the same.
func servesDead(line string) bool {
	return strings.Contains(line, "-r 10.0.0.21:80 ") || strings.Contains(line, "-r 10.0.0.31:80 ") && !strings.HasSuffix(line, "-w 0")
}

// saved returns the lines that ipvsadm saves, and those of the thresholds, which it only lists.
func saved(t *testing.T, n *netns.Node) []string {
	t.Helper()
	var out []string
	for _, flags := range [][]string{{"-S", "-n"}, {"-L", "-n", "--thresholds"}} {
		text, err := n.Run(append([]string{"ipvsadm"}, flags...)...)
		if err != nil {
			t.Errorf("ipvsadm %v: %v\n%s", flags, err, text)
		}
		out = append(out, strings.Split(text, "\n")...)
	}
	return out
}

func configOfKeepalived(twins []keepalivedTwin) string {
	var b strings.Builder
	b.WriteString("global_defs {\ncheckers_log_all_failures\n}\n")
	for i, tw := range twins {
		key, protocol := tw.key, ""
		if key == "" {
			key, protocol = fmt.Sprintf("192.0.2.%d 80", i+1), "protocol TCP\n"
		}
		fmt.Fprintf(&b, "virtual_server %s {\ndelay_loop 1\nwarmup 0\n%s%s\n}\n", key, protocol, tw.keepalived)
	}
	return b.String()
}

func configOfGovrrpd(twins []keepalivedTwin) string {
	var b strings.Builder
	for i, tw := range twins {
		key := tw.hclKey
		if key == "" {
			key = fmt.Sprintf("address = \"192.0.2.%d:80\"", i+1)
		}
		fmt.Fprintf(&b, "virtual_server \"twin%d\" {\n%s\n%s\n}\n", i, key, tw.hcl)
	}
	return b.String()
}

func keepalivedTwins() []keepalivedTwin {
	return slices.Concat(schedulersOfKeepalived(), keysOfKeepalived(), forwardsOfKeepalived(), persistenceOfKeepalived(), serversOfKeepalived(), quorumsOfKeepalived())
}

// schedulersOfKeepalived are lvs_sched and its flags. The lab's 6.1 kernel has no twos.
func schedulersOfKeepalived() []keepalivedTwin {
	out := []keepalivedTwin{
		{keepalived: twoOfKeepalived + "\nlvs_sched wlc", hcl: twoServers}, // the default
		{keepalived: "lb_algo rr\n" + twoOfKeepalived, hcl: "scheduler = \"rr\"\n" + twoServers},
		{keepalived: "lvs_sched sh\nsh-port\n" + twoOfKeepalived, hcl: "scheduler = \"sh\"\nscheduler_flags = [\"sh-port\"]\n" + twoServers},
		{keepalived: "lvs_sched sh\nsh-fallback\nsh-port\n" + twoOfKeepalived,
			hcl: "scheduler = \"sh\"\nscheduler_flags = [\"sh-port\", \"sh-fallback\"]\n" + twoServers},
		{keepalived: "lvs_sched mh\nmh-port\n" + twoOfKeepalived, hcl: "scheduler = \"mh\"\nscheduler_flags = [\"mh-port\"]\n" + twoServers},
		{keepalived: "lvs_sched mh\nmh-fallback\n" + twoOfKeepalived, hcl: "scheduler = \"mh\"\nscheduler_flags = [\"mh-fallback\"]\n" + twoServers},
	}
	for _, s := range []string{"wrr", "lc", "lblc", "sh", "mh", "dh", "fo", "ovf", "lblcr", "sed", "nq"} {
		out = append(out, keepalivedTwin{keepalived: "lvs_sched " + s + "\n" + twoOfKeepalived, hcl: fmt.Sprintf("scheduler = %q\n%s", s, twoServers)})
	}
	return out
}

// keysOfKeepalived are addresses, protocols, firewall marks and one-packet scheduling.
func keysOfKeepalived() []keepalivedTwin {
	const six, our6 = "real_server 2001:db8::11 80 {\n}\nreal_server 2001:db8::12 80 {\nweight 2\n}", "real_server \"[2001:db8::11]:80\" {}\nreal_server \"[2001:db8::12]:80\" { weight = 2 }"
	return []keepalivedTwin{
		{"protocol UDP\nlvs_sched rr\n" + twoOfKeepalived, "protocol = \"udp\"\nscheduler = \"rr\"\n" + twoServers, "198.51.100.1 53", `address = "198.51.100.1:53"`},
		{"protocol UDP\nops\nlvs_sched rr\n" + twoOfKeepalived, "protocol = \"udp\"\none_packet = true\nscheduler = \"rr\"\n" + twoServers,
			"198.51.100.2 53", `address = "198.51.100.2:53"`},
		{"protocol SCTP\nlvs_sched rr\n" + twoOfKeepalived, "protocol = \"sctp\"\nscheduler = \"rr\"\n" + twoServers, "198.51.100.3 3868", `address = "198.51.100.3:3868"`},
		{"protocol TCP\nlvs_sched rr\npersistence_timeout 60\n" + "real_server 10.0.0.11 0 {\n}", "scheduler = \"rr\"\npersistence { timeout = \"60s\" }\nreal_server \"10.0.0.11:0\" {}",
			"198.51.100.4 0", `address = "198.51.100.4:0"`},
		{"lvs_sched rr\n" + twoOfKeepalived, "scheduler = \"rr\"\n" + twoServers, "fwmark 7", "fwmark = 7"},
		{"lvs_sched rr\nip_family inet6\n" + six, "scheduler = \"rr\"\n" + our6, "fwmark 8", "fwmark = 8\nfamily = \"ipv6\""},
		{"protocol TCP\nlvs_sched rr\n" + six, "scheduler = \"rr\"\n" + our6, "2001:db8::80 80", `address = "[2001:db8::80]:80"`},
		{"protocol UDP\nlvs_sched sh\npersistence_timeout 30\npersistence_granularity 64\n" + six,
			"protocol = \"udp\"\nscheduler = \"sh\"\npersistence {\ntimeout = \"30s\"\nprefix = 64\n}\n" + our6, "2001:db8::80 53", `address = "[2001:db8::80]:53"`},
	}
}

// forwardsOfKeepalived are lvs_method of the service and of single servers, and tunnels.
func forwardsOfKeepalived() []keepalivedTwin {
	tunnel := func(theirs, ours string) keepalivedTwin {
		return keepalivedTwin{keepalived: "lvs_sched rr\nlvs_method TUN " + theirs + "\n" + twoOfKeepalived,
			hcl: "scheduler = \"rr\"\nforward = \"tun\"\n" + ours + "\n" + twoServers}
	}
	return []keepalivedTwin{
		{keepalived: "lvs_sched rr\nlvs_method DR\n" + twoOfKeepalived, hcl: "scheduler = \"rr\"\nforward = \"dr\"\n" + twoServers},
		{keepalived: "lvs_sched rr\nlb_kind NAT\n" + twoOfKeepalived, hcl: "scheduler = \"rr\"\nforward = \"nat\"\n" + twoServers},
		tunnel("", ""),
		tunnel("type ipip", "tunnel { type = \"ipip\" }"),
		tunnel("type gre nocsum", "tunnel { type = \"gre\" }"),
		tunnel("type gre csum", "tunnel {\ntype = \"gre\"\nchecksum = \"full\"\n}"),
		tunnel("type gue port 6080 nocsum", "tunnel {\ntype = \"gue\"\nport = 6080\n}"),
		tunnel("type gue port 6080 csum", "tunnel {\ntype = \"gue\"\nport = 6080\nchecksum = \"full\"\n}"),
		tunnel("type gue port 6080 remcsum", "tunnel {\ntype = \"gue\"\nport = 6080\nchecksum = \"remote\"\n}"),
		{keepalived: "lvs_sched rr\nlvs_method DR\nreal_server 10.0.0.11 80 {\nlvs_method TUN\n}\nreal_server 10.0.0.12 80 {\n}\nreal_server 10.0.0.13 8080 {\nlvs_method NAT\n}",
			hcl: "scheduler = \"rr\"\nforward = \"dr\"\nreal_server \"10.0.0.11:80\" { forward = \"tun\" }\nreal_server \"10.0.0.12:80\" {}\nreal_server \"10.0.0.13:8080\" { forward = \"nat\" }"},
	}
}

func persistenceOfKeepalived() []keepalivedTwin {
	return []keepalivedTwin{
		{keepalived: "lvs_sched rr\npersistence_timeout 120\n" + twoOfKeepalived, hcl: "scheduler = \"rr\"\npersistence { timeout = \"2m\" }\n" + twoServers},
		{keepalived: "lvs_sched rr\npersistence_timeout\n" + twoOfKeepalived, hcl: "scheduler = \"rr\"\npersistence { timeout = \"6m\" }\n" + twoServers},
		{keepalived: "lvs_sched rr\npersistence_timeout 60\npersistence_granularity 255.255.255.0\n" + twoOfKeepalived,
			hcl: "scheduler = \"rr\"\npersistence {\ntimeout = \"60s\"\nnetmask = \"255.255.255.0\"\n}\n" + twoServers},
		{keepalived: "lvs_sched rr\npersistence_timeout 60\npersistence_granularity 255.255.240.0\n" + twoOfKeepalived,
			hcl: "scheduler = \"rr\"\npersistence {\ntimeout = \"60s\"\nprefix = 20\n}\n" + twoServers},
		{"protocol UDP\nlvs_sched rr\npersistence_timeout 60\npersistence_engine sip\nreal_server 10.0.0.11 5060 {\n}",
			"protocol = \"udp\"\nscheduler = \"rr\"\npersistence {\ntimeout = \"60s\"\nengine = \"sip\"\n}\nreal_server \"10.0.0.11:5060\" {}", "198.51.100.5 5060", `address = "198.51.100.5:5060"`},
	}
}

// serversOfKeepalived are weights, thresholds, and servers that fail.
func serversOfKeepalived() []keepalivedTwin {
	const dead, ourDead = "real_server 10.0.0.21 80 {\n" + deadOfKeepalived + "\n}\n", "real_server \"10.0.0.21:80\" {\n" + deadCheck + "\n}\n"
	return []keepalivedTwin{
		{keepalived: "lvs_sched rr\nreal_server 10.0.0.11 80 {\nweight 0\n}\nreal_server 10.0.0.12 80 {\nweight 65535\n}",
			hcl: "scheduler = \"rr\"\nreal_server \"10.0.0.11:80\" { weight = 0 }\nreal_server \"10.0.0.12:80\" { weight = 65535 }"},
		{keepalived: "lvs_sched rr\nreal_server 10.0.0.11 80 {\nuthreshold 100\nlthreshold 50\n}\nreal_server 10.0.0.12 80 {\nuthreshold 10\n}",
			hcl: "scheduler = \"rr\"\nreal_server \"10.0.0.11:80\" {\nupper_threshold = 100\nlower_threshold = 50\n}\nreal_server \"10.0.0.12:80\" { upper_threshold = 10 }"},
		{keepalived: "lvs_sched rr\n" + dead + twoOfKeepalived, hcl: "scheduler = \"rr\"\n" + ourDead + twoServers},
		{keepalived: "lvs_sched rr\ninhibit_on_failure\nreal_server 10.0.0.31 80 {\n" + deadOfKeepalived + "\n}\n" + twoOfKeepalived,
			hcl: "scheduler = \"rr\"\non_failure = \"quiesce\"\nreal_server \"10.0.0.31:80\" {\n" + deadCheck + "\n}\n" + twoServers},
		{keepalived: "lvs_sched rr\nreal_server 10.0.0.31 80 {\ninhibit_on_failure\n" + deadOfKeepalived + "\n}\n" + dead + twoOfKeepalived,
			hcl: "scheduler = \"rr\"\nreal_server \"10.0.0.31:80\" {\non_failure = \"quiesce\"\n" + deadCheck + "\n}\n" + ourDead + twoServers},
		{keepalived: "lvs_sched rr\n" + dead, hcl: "scheduler = \"rr\"\n" + ourDead},
		{keepalived: "lvs_sched rr\nalpha\n" + dead + twoOfKeepalived, hcl: "scheduler = \"rr\"\nalpha = true\n" + ourDead + twoServers},
	}
}

// quorumsOfKeepalived are sorry servers and quorums, reached and missed. Where ours differs on purpose there is no twin: servers that are up
// while the quorum is lost keep weight 0 for the sake of their connections, and the first judgement knows no hysteresis.
// TestQuorumDecidesTheTableAndTheRole and the tests of ipvs/pool show that.
func quorumsOfKeepalived() []keepalivedTwin {
	const dead, ourDead = "real_server 10.0.0.21 80 {\nweight 2\n" + deadOfKeepalived + "\n}\n", "real_server \"10.0.0.21:80\" {\nweight = 2\n" + deadCheck + "\n}\n"
	const sorry, ourSorry = "sorry_server 10.0.0.99 80\n", "sorry_server \"10.0.0.99:80\" {}\n"
	twin := func(theirs, ours string) keepalivedTwin {
		return keepalivedTwin{keepalived: "lvs_sched rr\n" + theirs, hcl: "scheduler = \"rr\"\n" + ours}
	}
	return []keepalivedTwin{
		twin(sorry+twoOfKeepalived, ourSorry+twoServers),
		twin(sorry+dead, ourSorry+ourDead),
		twin(sorry+"sorry_server_lvs_method DR\n"+dead, "sorry_server \"10.0.0.99:80\" { forward = \"dr\" }\n"+ourDead),
		twin(sorry+"quorum 4\n"+dead+twoOfKeepalived, ourSorry+"quorum = 4\n"+ourDead+twoServers),
		twin(sorry+"quorum 3\nhysteresis 1\n"+dead+twoOfKeepalived, ourSorry+"quorum = 3\nhysteresis = 1\n"+ourDead+twoServers),
		twin("quorum 5\n"+dead+twoOfKeepalived, "quorum = 5\n"+ourDead+twoServers),
		twin("quorum 6\ninhibit_on_failure\n"+sorry+"real_server 10.0.0.31 80 {\n"+deadOfKeepalived+"\nweight 2\n}\n"+twoOfKeepalived,
			"quorum = 6\non_failure = \"quiesce\"\n"+ourSorry+"real_server \"10.0.0.31:80\" {\nweight = 2\n"+deadCheck+"\n}\n"+twoServers),
	}
}
