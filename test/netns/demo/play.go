package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/test/netns"
)

const (
	// patience is how long anything may take that has no limit of its own: a hung demo ends with a reason.
	patience = 15 * time.Second
	// requests is how many each way to forward has to serve.
	requests = 300
	// requestLimit is how long a client waits for one answer.
	requestLimit = 3 * time.Second
	// attempts is how often a cable is pulled when the machine stands still meanwhile.
	attempts = 5

	priority1, priority2 = 200, 100
)

// show is the demo while it runs.
type show struct {
	*report
	site   *netns.Site
	d1, d2 *netns.Director
}

func play(r *report) {
	r.printf("%s", title())
	if _, err := os.Stat("/proc/net/ip_vs"); err != nil {
		r.Fatalf("this kernel has no IPVS: `make demo` brings one that has")
	}
	s := &show{report: r, site: netns.NewSite(r)}
	s.election()
	for _, service := range netns.SiteServices() {
		s.balancing(service)
	}
	s.deadServer()
	s.allDown()
	// With its link up lb1 has never ceased to be master, and says so with its next advert or as soon as it hears lb2's; otherwise
	// it has to wait as long as any backup.
	s.pull("Cable pull: the master's cable is cut behind the switch, its link stays up", (*netns.Port).Unplug, 2*netns.AdvertInterval)
	s.pull("Cable pull: the master's link goes down", (*netns.Port).Cut, netns.TakeoverAllowed(priority1))
}

func title() string {
	var u unix.Utsname
	release := "?"
	if unix.Uname(&u) == nil {
		release = unix.ByteSliceToString(u.Release[:])
	}
	return fmt.Sprintf(`govrrpd: two directors, three real servers and a client, on Linux %s with IPVS

     client ── outside ──┬── lb1 ──┬── inside ──┬── rs1  weight 3
              %-10s └── lb2 ──┘            ├── rs2  weight 2
              is virtual                        ├── rs3  weight 1
                                                └── sorry server
`, release, netns.VIP())
}

// election starts both directors and waits for one master.
func (s *show) election() {
	s.Chapter("Election")
	site := s.site
	capture := site.Capture(site.Outside[site.LB1], site.Outside[site.LB2])
	start := time.Now()
	s.d1 = site.LB1.Govrrpd(netns.SiteConfig(priority1, netns.AdvertInterval))
	s.d2 = site.LB2.Govrrpd(netns.SiteConfig(priority2, netns.AdvertInterval))
	s.Do("govrrpd run on lb1 (priority %d) and lb2 (priority %d)", priority1, priority2)
	s.settled()
	s.Saw("lb1 is master and holds %s, lb2 is backup: %s after the start", netns.VIP(), ms(time.Since(start)))

	const adverts = 11
	seen := time.Now()
	port := site.Outside[site.LB1]
	site.WaitFor(patience, "adverts of lb1", func() bool { return len(capture.AdvertsFrom(port, seen)) >= adverts })
	if n := len(capture.AdvertsFrom(site.Outside[site.LB2], seen)); n > 0 {
		s.Fatalf("the backup sent %d adverts", n)
	}
	sent := capture.AdvertsFrom(port, seen)[:adverts]
	gap, _ := netns.LongestGap(sent)
	mean := sent[adverts-1].At.Sub(sent[0].At) / (adverts - 1)
	s.Saw("on the wire: VRRPv%d, VRID %d, priority %d, an advert every %.1f ms (longest gap %.1f ms), and none from lb2",
		sent[0].Packet.Version, sent[0].Packet.VRID, sent[0].Packet.Priority, millis(mean), millis(gap))
	capture.Stop()
	site.WaitFor(patience, "all services in both kernels", func() bool { return s.complete(site.LB1) && s.complete(site.LB2) })
}

// roles returns the condition that the two directors report these.
func (s *show) roles(first, second string) func() bool {
	return func() bool {
		for _, d := range []*netns.Director{s.d1, s.d2} {
			if !d.Running() {
				s.Fatalf("a director ended: its log is above")
			}
		}
		return s.d1.Role(netns.RouterName) == first && s.d2.Role(netns.RouterName) == second
	}
}

// complete tells whether the kernel's table of a director has every real server with its weight.
func (s *show) complete(n *netns.Node) bool {
	table, err := n.IPVS()
	if err != nil {
		s.Fatalf("%s: %v", n.Name, err)
	}
	for _, service := range netns.SiteServices() {
		got := table[service.Addr()]
		for i := range s.site.Servers {
			if got[service.ServerOf(i)] != weight(i) {
				return false
			}
		}
		if len(got) != len(s.site.Servers) {
			return false
		}
	}
	return true
}

// weight is that of a real server in SiteConfig.
func weight(i int) int { return 3 - i }

// balancing sends requests through one service and compares where they went with the weights.
func (s *show) balancing(service netns.SiteService) {
	s.Chapter(fmt.Sprintf("Balancing by %s: %d requests to %s", strings.ToUpper(service.Forward), requests, service.URL()))
	start := time.Now()
	tally := s.site.Client.GetMany(service.URL(), requests, requestLimit)
	rows := [][]string{{"server", "weight", "requests", "wanted"}}
	for i, server := range s.site.Servers {
		want := requests * weight(i) / 6
		got := tally.Answers[server.Name]
		rows = append(rows, []string{server.Name, fmt.Sprint(weight(i)), fmt.Sprint(got), fmt.Sprint(want)})
		if got != want {
			s.Table(rows...)
			s.Fatalf("%s answered %d of %d requests, want %d. %s", server.Name, got, requests, want, tally.Problem())
		}
	}
	s.Table(rows...)
	s.Saw("%d answers, 0 failures, %.1f ms a request", requests, millis(time.Since(start))/requests)
}

// deadServer stops a real server, and starts it again.
func (s *show) deadServer() {
	s.Chapter("A real server dies, and comes back")
	const victim = 1
	server := s.site.Servers[victim]
	allowed := netns.CheckFall*netns.CheckInterval + netns.CheckTimeout
	s.Do("stop %s (checked every %s, timeout %s, out after %d failures)", server.Name, ms(netns.CheckInterval), ms(netns.CheckTimeout), netns.CheckFall)
	server.Stop()
	took := s.site.WaitFor(patience, server.Name+" to leave the table", func() bool { return s.listed(victim) == 0 })
	s.Within(took, allowed, "%s is out of the kernel's tables after", server.Name)
	for _, service := range netns.SiteServices() {
		s.serves(service, 60, server.Name)
	}
	s.Saw("180 requests over nat, dr and tun: 0 failures, none to %s", server.Name)
	s.Do("start %s", server.Name)
	server.Start()
	took = s.site.WaitFor(patience, server.Name+" to be back", func() bool { return s.complete(s.site.LB1) && s.complete(s.site.LB2) })
	s.Saw("%s is back in the tables with weight %d: %s", server.Name, weight(victim), ms(took))
	tally := s.site.Client.GetMany(netns.SiteServices()[0].URL(), 12, requestLimit)
	if len(tally.Failures) > 0 || tally.Answers[server.Name] == 0 {
		s.Fatalf("%s came back, and answered %d of 12 requests. %s", server.Name, tally.Answers[server.Name], tally.Problem())
	}
	s.Saw("and it answers again: %d of 12 requests", tally.Answers[server.Name])
}

// listed counts in how many services of the master a real server is.
func (s *show) listed(i int) int {
	table, err := s.site.LB1.IPVS()
	if err != nil {
		s.Fatalf("lb1: %v", err)
	}
	n := 0
	for _, service := range netns.SiteServices() {
		if _, ok := table[service.Addr()][service.ServerOf(i)]; ok {
			n++
		}
	}
	return n
}

// serves fails if a request goes wrong, or to one of the servers that are out.
func (s *show) serves(service netns.SiteService, count int, out ...string) {
	tally := s.site.Client.GetMany(service.URL(), count, requestLimit)
	if problem := tally.Problem(); problem != "" {
		s.Fatalf("%s: of %d requests %s", service.Forward, count, problem)
	}
	for _, name := range out {
		if n := tally.Answers[name]; n > 0 {
			s.Fatalf("%s: %d of %d requests went to %s, which is out", service.Forward, n, count, name)
		}
	}
}

// allDown stops every real server: the sorry server answers.
func (s *show) allDown() {
	s.Chapter("All real servers die")
	service := netns.SiteServices()[0]
	for _, server := range s.site.Servers {
		server.Stop()
	}
	s.Do("stop rs1, rs2 and rs3")
	took := s.site.WaitFor(patience, "the sorry server alone in the table", func() bool {
		w := s.site.LB1.Weights(service.Addr())
		_, sorry := w[netns.SorryAddr()]
		return sorry && len(w) == 1
	})
	s.Within(took, netns.CheckFall*netns.CheckInterval+netns.CheckTimeout, "the sorry server is alone in the table after")
	tally := s.site.Client.GetMany(service.URL(), 20, requestLimit)
	if tally.Answers["sorry"] != 20 {
		s.Fatalf("%d of 20 answers are the sorry page. %s", tally.Answers["sorry"], tally.Problem())
	}
	s.Saw("20 requests: 20 sorry pages, 0 failures")
	s.Do("start rs1, rs2 and rs3")
	for _, server := range s.site.Servers {
		server.Start()
	}
	took = s.site.WaitFor(patience, "all real servers to be back", func() bool { return s.complete(s.site.LB1) && s.complete(s.site.LB2) })
	s.serves(service, 30, "sorry")
	s.Saw("all back, and the sorry server out, after %s; 30 requests: 0 failures", ms(took))
}

// pull breaks the master's outside cable, watches the address move to the backup, mends the cable, and watches it come back.
// When the machine itself stood still meanwhile and the time was not kept, that says nothing, and it is done again.
func (s *show) pull(title string, broken func(*netns.Port), back time.Duration) {
	s.Chapter(title)
	allowed := netns.TakeoverAllowed(priority2)
	// While lb1 is cut off outside only, it still has the gateway's address inside, and so has lb2. Direct routing needs no gateway.
	nat, direct := netns.SiteServices()[0], netns.SiteServices()[1]
	for range attempts {
		s.Do("pull; the client asks %s for an echo all the time", netns.VIP())
		seen := s.site.Takeover(broken, func() { s.serves(direct, 30) })
		s.settled()
		if (seen.Silence > allowed || seen.ARPBack > back || seen.LostThen > 0) && seen.Stood > 0 {
			s.Logf("silence %s, ARP %s: but this machine stood still for %s, so once more", ms(seen.Silence), ms(seen.ARPBack), ms(seen.Stood))
			continue
		}
		s.Within(seen.Silence, allowed, "the address answers from lb2 after")
		if seen.LostThen > 0 {
			s.Fatalf("after the takeover %d echo requests were lost", seen.LostThen)
		}
		s.Saw("30 requests through lb2: 0 failures")
		s.Within(seen.ARPBack, back, "cable back: the client's ARP entry is lb1's again, unasked, after")
		s.serves(nat, 30)
		s.Saw("lb1 is master and lb2 backup again; 30 requests through lb1: 0 failures")
		return
	}
	s.Fatalf("this machine stands still too often to measure: give it less to do")
}

// settled waits until lb1 is the only one that thinks it is master, and has the address.
func (s *show) settled() {
	s.site.WaitFor(patience, "lb1 to be master and lb2 backup", s.roles("master", "backup"))
	s.site.WaitFor(patience, "the address to be at lb1 alone", func() bool {
		return s.site.LB1.Has(netns.VIP()) && !s.site.LB2.Has(netns.VIP())
	})
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
