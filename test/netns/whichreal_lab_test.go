//go:build lab

package netns_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"

	"github.com/govrrpd/govrrpd/test/netns"
)

// A whichAnswer is one of the list that `govrrpd whichreal -o json` prints.
type whichAnswer struct{ Service, Server, Why string }

// answer returns where the director says that a client of a service goes.
func (tr *traffic) answer(src netip.AddrPort, service string) whichAnswer {
	tr.t.Helper()
	out, err := tr.d.Command("whichreal", "--src", src.String(), "-o", "json", service)
	var answers []whichAnswer
	if err == nil {
		err = json.Unmarshal([]byte(out), &answers)
	}
	if err != nil || len(answers) != 1 {
		tr.t.Fatalf("whichreal of %s for %s: %v\n%s", service, src, err, out)
	}
	return answers[0]
}

// With mh it is known where a client goes before it comes, and by its connection afterwards, over both families and by each way to forward.
func TestWhichRealNamesTheServerThatAFlowMeets(t *testing.T) {
	tr := newTraffic(t, plan{options: "  scheduler = \"mh\"\n  scheduler_flags = [\"mh-fallback\"]", servers: []string{"1 weight = 3", "2 weight = 2", "3 weight = 1"}})
	for i, service := range netns.TrafficServices() {
		flow := tr.flows[i*flowsEach]
		for _, tt := range []struct {
			src netip.AddrPort
			why string
		}{
			{flow.Client(), "a connection of this client and port is there"},
			{netip.AddrPortFrom(flow.Client().Addr(), 1), "the hash of scheduler mh"}, // the port is of no account without mh-port
		} {
			got := tr.answer(tt.src, service.Name)
			if got.Server != serverOf(service, flow) || got.Why != tt.why || got.Service != "tcp "+service.Addr.String() {
				t.Errorf("%s: the flow from %s is at %s, and whichreal says of %s %+v, want it by %q", service.Name, flow.Client(), flow.Server, tt.src, got, tt.why)
			}
		}
	}
}

// serverOf returns the address that the server of a flow has in its service.
func serverOf(s netns.TrafficService, f *netns.Flow) string {
	for i, addr := range s.Servers {
		if f.Server == fmt.Sprintf("rs%d", i+1) {
			return addr.String()
		}
	}
	return "none"
}
