//go:build netns

package servers_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/govrrpd/govrrpd/checkers"
)

// TestPingAgainstTheKernel: the server of echoes is the kernel, here and beyond a router in a namespace below this one.
func TestPingAgainstTheKernel(t *testing.T) {
	must(t, "", "ip", "netns", "add", "servers-router")
	t.Cleanup(func() { must(t, "", "ip", "netns", "del", "servers-router") })
	const beyond = "nsenter --net=/run/netns/servers-router " // `ip -n` wants to mount, which it cannot below a changed root
	for _, line := range []string{
		"ip link add near type veth peer name far netns servers-router", "ip addr add 10.1.0.1/24 dev near", "ip link set near up",
		beyond + "ip addr add 10.1.0.2/24 dev far", beyond + "ip link set far up", beyond + "ip link set lo up",
		"ip addr add 2001:db8:1::1/64 dev near nodad", beyond + "ip addr add 2001:db8:1::2/64 dev far nodad", beyond + "sysctl -qw net.ipv4.ip_forward=1",
		"ip route add 10.2.0.0/16 via 10.1.0.2", beyond + "ip route add unreachable 10.2.1.0/24", beyond + "ip route add blackhole 10.2.2.0/24",
		"ip route add unreachable 10.3.0.0/16",
	} {
		must(t, "", strings.Fields(line)...)
	}
	ping := func(host string) checkers.Ping { return checkers.Ping{Host: netip.MustParseAddr(host), Size: 56} }
	for _, host := range []string{"127.0.0.1", "10.1.0.2", "::1", "2001:db8:1::2"} {
		if err := probe(ping(host), timeout); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	for host, reason := range map[string]string{
		"10.2.1.1": "10.1.0.2 says that the host is unreachable", // by the router
		"10.2.2.1": "no answer within",
		"10.3.0.1": "no route to host", // by ourselves
	} {
		if err := probe(ping(host), short); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v, want an error with %q", host, err, reason)
		}
	}
	answers := make(chan error)
	for range 200 {
		go func() { answers <- probe(ping("10.1.0.2"), timeout) }()
	}
	for range 200 {
		if err := <-answers; err != nil {
			t.Errorf("one of 200 at a time: %v", err)
		}
	}
}

// TestAgentAgainstAProgram: socat starts a program for each connection, as inetd does with an agent.
func TestAgentAgainstAProgram(t *testing.T) {
	dir := folder(t)
	says := write(t, dir, "says", "75% maxconn:30\n")
	s := start(t, dir, "", "socat", "TCP-LISTEN:9999,bind=127.0.0.1,fork,reuseaddr", "EXEC:cat "+says)
	agent := checkers.Agent{Target: at(9999), Base: 8}
	s.well(agent)
	for line, want := range map[string]int{"75%": 6, "drain": 0, "1%": 1, "ready 50%": 4} {
		write(t, dir, "says", line+"\n")
		ctx, cancel := deadline(timeout)
		weight, ok, err := agent.CheckWeight(ctx)
		cancel()
		if err != nil || !ok || weight != want {
			t.Errorf("%s: %d, %t, %v, want %d", line, weight, ok, err, want)
		}
	}
	for line, reason := range map[string]string{"down#disk full": `the agent says down: "disk full"`, "maint": "the agent says maint", "hello": "want a weight"} {
		write(t, dir, "says", line+"\n")
		s.unwell(line, agent, timeout, reason)
	}
	write(t, dir, "says", "ready\n")
	s.asked(agent)
}
