package ipvs

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/ipvs/pool"
)

func TestEngineTakesOverTheTableAsItIs(t *testing.T) {
	live := entry(svc(shop().Keys[0], "wlc"), nat("10.0.0.2:80", 20))
	quiesced := entry(svc(shop().Keys[0], "wlc"), nat("10.0.0.1:80", 0), nat("10.0.0.2:80", 20))
	sorry := entry(svc(shop().Keys[0], "wlc"), dest("10.0.0.99:80", DR, 1))
	drained := shop()
	drained.Servers[0].Weight = 0
	belowQuorum := entry(svc(shop().Keys[0], "wlc"), nat("10.0.0.1:80", 0), dest("10.0.0.99:80", DR, 1))
	weightless := ServerOverride{"shop", first().Addr, pool.Override{Weight: new(0)}}
	for _, tt := range []struct {
		name   string
		kernel Entry
		vs     VirtualServer
		said   []ServerOverride
	}{
		{"a server that was out stays out", live, shop(), nil},
		{"a server that was quiesced stays quiesced", quiesced, quiescing(shop()), nil},
		{"a server that was drained by configuration keeps its connections", quiesced, drained, nil},
		{"a server that an operator gave weight 0 keeps its connections", quiesced, shop(), []ServerOverride{weightless}},
		{"the sorry server stays in", sorry, withSorry(shop()), nil},
		{"what had to leave the clients to the sorry server keeps its connections", belowQuorum, withSorry(shop()), nil},
		{"what is configured anew is already there", entry(svc(shop().Keys[0], "wlc"), nat("10.0.0.1:80", 10), nat("10.0.0.2:80", 20)), shop(), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := start(t, newMapKernel(tt.kernel), Options{Owned: []Key{shop().Keys[0]}, Overrides: tt.said}, tt.vs)
				b.sleep(time.Minute)
				b.did()
				if b.logged("adopting") > 0 {
					t.Errorf("adopts what is its own:\n%s", b.log)
				}
			})
		})
	}
}

func TestEngineBelievesTheFirstVerdictAfterATakeover(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		k := newMapKernel(entry(svc(shop().Keys[0], "wlc"), nat("10.0.0.2:80", 20)))
		b := start(t, k, Options{}, shop())
		b.verdict(0, Up)
		b.did(addFirst)
		b.verdict(1, Down)
		b.did(removeSecond)
		b.verdict(0, Unknown) // its checks were removed by a reload: what the kernel had long ago is of no interest
		b.did()
	})
}

func TestEngineTakesAServerThatAReloadAddsForUp(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		k := newMapKernel(entry(svc(shop().Keys[0], "wlc"), nat("10.0.0.2:80", 20)))
		b := start(t, k, Options{Owned: []Key{shop().Keys[0]}}, shop())
		more := shop()
		more.Servers = append(more.Servers, RealServer{Addr: netip.MustParseAddrPort("10.0.0.3:80"), Weight: 30})
		b.Configure([]VirtualServer{more})
		b.did("add server 10.0.0.3:80 nat weight 30 to tcp 192.0.2.10:80")
	})
}

func TestEngineTakesAServiceWithoutServersForNew(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		b := start(t, newMapKernel(entry(svc(shop().Keys[0], "wlc"))), Options{}, shop())
		b.did(shopAdded[1:]...)
	})
}

// A service of somebody else's with other servers is left alone, told, and ours as soon as it is gone or has a server of ours.
func TestEngineLeavesAServiceAloneThatSomebodyElseUses(t *testing.T) {
	theirs := entry(svc(shop().Keys[0], "wlc"), nat("10.9.9.9:80", 1))
	two := shop()
	two.Keys = []Key{tcp("192.0.2.11:80"), two.Keys[0]}
	with := func(addr string) VirtualServer {
		v := two
		v.Servers = append(v.Servers[:len(v.Servers):len(v.Servers)], RealServer{Addr: netip.MustParseAddrPort(addr), Weight: 1})
		return v
	}
	const text = "tcp 192.0.2.10:80 is in the kernel already, made by somebody else with servers that are not configured here (10.9.9.9:80), " +
		"and left alone: remove it with `ipvsadm -D -t 192.0.2.10:80`"
	for _, tt := range []struct {
		name  string
		after func(b *bench)
		did   []string
	}{
		{"it goes", func(b *bench) { b.kernel.change(func(t Table) { delete(t, shop().Keys[0]) }) }, shopAdded},
		{"it is given one of our servers", func(b *bench) {
			b.kernel.change(func(t Table) { t[shop().Keys[0]] = entry(theirs.Service, nat("10.0.0.1:80", 10)) })
		},
			[]string{addSecond}},
		{"its server is configured", func(b *bench) { b.Configure([]VirtualServer{with("10.9.9.9:80")}) },
			[]string{addFirst, addSecond, "add server 10.9.9.9:80 nat weight 1 to tcp 192.0.2.11:80"}},
		{"it leaves the configuration", func(b *bench) {
			one := two
			one.Keys = two.Keys[:1]
			b.Configure([]VirtualServer{one})
		}, nil},
		{"the end", func(b *bench) { _ = b.stop() }, []string{"remove service tcp 192.0.2.11:80"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				b := start(t, newMapKernel(theirs), Options{Flush: true}, two)
				b.verdict(0, Down)
				b.verdict(0, Up)
				b.sleep(time.Minute)
				for _, op := range b.kernel.take() {
					if !strings.HasSuffix(op, "tcp 192.0.2.11:80") && !strings.Contains(op, "add service tcp 192.0.2.11:80") {
						t.Errorf("did %s", op)
					}
				}
				s := b.Status()
				if s.Services[1].Error != text || s.Services[0].Error != "" || s.DriftRepaired != 0 || b.logged("left alone") != 1 {
					t.Errorf("status %+v, want the error, logged once:\n%s", s, b.log)
				}
				tt.after(b)
				b.sleep(RefreshDefault)
				b.did(tt.did...)
				for _, s := range b.Status().Services {
					if s.Error != "" && tt.name != "the end" {
						t.Errorf("in the end the status says %q", s.Error)
					}
				}
			})
		})
	}
}

// Clean makes the services of others go or become ours, once; what is ours and right is not touched.
func TestEngineCleansAtTheStart(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		theirs, dns := entry(svc(shop().Keys[0], "wlc"), nat("10.9.9.9:80", 1)), entry(svc(udp("192.0.2.10:53"), "rr"), nat("10.9.9.9:53", 1))
		k := newMapKernel(theirs, dns)
		b := start(t, k, Options{Clean: true})
		b.did() // not before it is configured
		b.Configure([]VirtualServer{shop()})
		b.did(addFirst, addSecond, "remove server 10.9.9.9:80 from tcp 192.0.2.10:80", "remove service udp 192.0.2.10:53")
		k.change(func(t Table) { t[dns.Service.Key] = dns })
		b.sleep(time.Minute)
		b.Configure([]VirtualServer{})
		b.did("remove service tcp 192.0.2.10:80")
	})
}

func TestEngineNamesServicesOfOthersAsIpvsadmDoes(t *testing.T) {
	many := entry(svc(Key{Mark: 80, Family: V6}, "rr"))
	for i := range 5 {
		many.put(dest(fmt.Sprintf("[2001:db8::%d]:80", i), DR, 1))
	}
	for _, tt := range []struct {
		e    Entry
		want []string
	}{
		{many, []string{"fwmark 80 ipv6", "`ipvsadm -D -f 80 -6`", "2 more)"}},
		{entry(svc(Key{Mark: 80, Family: V4}, "rr"), nat("10.0.0.1:80", 1)), []string{"`ipvsadm -D -f 80`", "(10.0.0.1:80)"}},
		{entry(svc(udp("[2001:db8::10]:53"), "rr"), nat("10.0.0.1:80", 1)), []string{"`ipvsadm -D -u [2001:db8::10]:53`"}},
		{entry(svc(Key{Proto: SCTP, Addr: tcp("192.0.2.10:80").Addr}, "rr"), nat("10.0.0.1:80", 1)), []string{"`ipvsadm -D --sctp-service 192.0.2.10:80`"}},
	} {
		got := explainTheirs(tt.e.Service.Key, tt.e)
		for _, part := range tt.want {
			if !strings.Contains(got, part) {
				t.Errorf("got %q, want %q in it", got, part)
			}
		}
	}
}

func TestEngineAdoptsAConfiguredServiceOfSomebodyElse(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		k := newMapKernel(entry(svc(shop().Keys[0], "rr"), nat("10.0.0.1:80", 1), nat("10.9.9.9:80", 1)))
		b := start(t, k, Options{}, shop())
		b.did("change service tcp 192.0.2.10:80 wlc", "change server 10.0.0.1:80 nat weight 10 of tcp 192.0.2.10:80",
			"remove server 10.9.9.9:80 from tcp 192.0.2.10:80")
		b.sleep(time.Minute)
		if n := b.logged("adopting", "service=shop"); n != 1 {
			t.Errorf("%d lines about the adoption, want 1", n)
		}
	})
}
