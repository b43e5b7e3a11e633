//go:build netns

package netns_test

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
	"github.com/govrrpd/govrrpd/vrrp"
)

const (
	floodRate = 100_000 // forged adverts a second
	floodTime = 5 * time.Second
	// floodShare is the part of a core that the flood may cost a router.
	floodShare = 0.5
	// nearlyAll is the part of the flood that must be counted: what is sent before the first reading and after the last is not.
	nearlyAll = 0.99
)

// overflow is what is counted for packets that found the socket's queue full, whatever they were: on a machine that has no CPU left.
const overflow = "overflow"

// less returns what was counted between two readings, without what was not.
func less(after, before map[string]uint64) map[string]uint64 {
	out := map[string]uint64{}
	for reason, n := range after {
		if n > before[reason] {
			out[reason] = n - before[reason]
		}
	}
	return out
}

func total[N int | uint64](list []N) (sum N) {
	for _, n := range list {
		sum += n
	}
	return sum
}

// intruder is nobody whom the pair knows.
var intruder = netip.MustParseAddr("192.0.2.66")

// A forgery is an advert that would take the office from both, but for one fault.
type forgery struct {
	reason string // label under which it is to be counted
	make   func(f *netns.Forger) []byte
}

// advert returns a message of the intruder with the highest priority and a right checksum, after a change.
func advert(v vrrp.Version, change func(*vrrp.Packet)) []byte {
	p := vrrp.Packet{Version: v, VRID: 51, Priority: 254, Interval: time.Second, Addresses: []netip.Addr{virtual}}
	if v == vrrp.V3 {
		p.Interval = 100 * time.Millisecond
	}
	if change != nil {
		change(&p)
	}
	return p.Marshal(intruder, vrrp.Group4)
}

func damaged(b []byte) []byte { b[6]++; return b } // the checksum

func forgeriesV2() []forgery {
	right := func(p *vrrp.Packet) { p.AuthType = vrrp.AuthSimple; copy(p.Password[:], "s3cret") }
	wrong := func(p *vrrp.Packet) { p.AuthType = vrrp.AuthSimple; copy(p.Password[:], "guessed") }
	return []forgery{
		{"checksum", func(f *netns.Forger) []byte { return f.Frame(intruder, 255, damaged(advert(vrrp.V2, right))) }},
		{"ttl", func(f *netns.Forger) []byte { return f.Frame(intruder, 254, advert(vrrp.V2, right)) }},
		{"length", func(f *netns.Forger) []byte {
			return f.Frame(intruder, 255, append(advert(vrrp.V2, right), make([]byte, 32)...))
		}},
		{"password", func(f *netns.Forger) []byte { return f.Frame(intruder, 255, advert(vrrp.V2, wrong)) }},
		{"auth_type", func(f *netns.Forger) []byte { return f.Frame(intruder, 255, advert(vrrp.V2, nil)) }},
	}
}

// forgeriesV3 are adverts to routers that demand a signature; the trailer is that of keepalived 2.4.2.
func forgeriesV3() []forgery {
	signed := func(key byte, ahead time.Duration) func(*netns.Forger) []byte {
		return func(f *netns.Forger) []byte {
			t := make([]byte, 28) // type 1, key, time, and no proof
			t[0], t[1] = 1, key
			binary.BigEndian.PutUint32(t[4:], uint32(time.Now().Add(ahead).Unix()))
			return f.Frame(intruder, 255, append(advert(vrrp.V3, nil), t...))
		}
	}
	return []forgery{
		{"checksum", func(f *netns.Forger) []byte { return f.Frame(intruder, 255, damaged(advert(vrrp.V3, nil))) }},
		{"ttl", func(f *netns.Forger) []byte { return f.Frame(intruder, 254, advert(vrrp.V3, nil)) }},
		{"hmac_missing", func(f *netns.Forger) []byte { return f.Frame(intruder, 255, advert(vrrp.V3, nil)) }},
		{"hmac_invalid", signed(1, floodTime/2)},
		{"hmac_unknown_key", signed(9, floodTime/2)},
		{"hmac_stale", signed(1, -time.Hour)},
	}
}

func TestFloodOfForgedAdvertsChangesNothing(t *testing.T) {
	for _, c := range []struct {
		name      string
		instance  netns.Instance
		forgeries []forgery
	}{
		{"version 2 with a password", netns.Instance{Version: 2, Interval: time.Second, Password: "s3cret"}, forgeriesV2()},
		{"version 3 with an HMAC", netns.Instance{Version: 3, Interval: 100 * time.Millisecond, HMAC: strings.Repeat("k", 32)}, forgeriesV3()},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.instance.Address = netip.PrefixFrom(virtual, 24)
			f := newFlood(t, c.instance)
			before := f.look()
			var frames [][]byte
			for _, one := range c.forgeries {
				frames = append(frames, one.make(f.forger))
			}
			begun := time.Now()
			sent, err := f.forger.Flood(frames, floodRate, floodTime)
			if err != nil {
				t.Fatal(err)
			}
			span := time.Since(begun)
			after := f.look()
			for i, node := range []string{"master", "backup"} {
				if after[i].transitions != before[i].transitions {
					t.Errorf("the %s changed its role", node)
				}
				share := float64(after[i].cpu-before[i].cpu) / float64(span)
				t.Logf("%s: %.2f of a core for %.0f adverts a second", node, share, float64(len(frames)*sent[0])/span.Seconds())
				if share > floodShare {
					t.Errorf("the flood cost the %s %.2f of a core, want at most %.1f", node, share, floodShare)
				}
				dropped := less(after[i].dropped, before[i].dropped)
				for j, one := range c.forgeries {
					if got, want := dropped[one.reason]+dropped[overflow], nearlyAll*float64(sent[j]); float64(got) < want {
						t.Errorf("%s counted %v, want nearly all of %d as %s, or some of them as %s", node, dropped, sent[j], one.reason, overflow)
					}
				}
				if got, all := total(slices.Collect(maps.Values(dropped))), total(sent); float64(got) < nearlyAll*float64(all) {
					t.Errorf("%s counted %d, want nearly all of %d: %v", node, got, all, dropped)
				}
			}
			if gap, at := netns.LongestGap(f.capture.AdvertsFrom(f.portA, begun)); gap > 3*c.instance.Interval {
				t.Errorf("no advert of the master for %s until %s", gap, clock(at))
			}
		})
	}
}

// A flood is a pair of directors with an intruder on their segment.
type flood struct {
	pair
	t       *testing.T
	capture *netns.Capture
	forger  *netns.Forger
	nodes   []*netns.Director // master, backup
}

func newFlood(t *testing.T, v netns.Instance) flood {
	f := flood{pair: newPair(t), t: t}
	f.capture = f.Capture(f.portA, f.portB)
	for i, n := range []*netns.Node{f.a, f.b} {
		v.Priority = 200 - 100*i
		f.nodes = append(f.nodes, n.Govrrpd(realTime+v.HCL()))
		f.WaitFor(limit, "the role of "+n.Name, func() bool { return f.nodes[i].Role(netns.InstanceName) == []string{"master", "backup"}[i] })
	}
	stranger := f.Node("stranger")
	f.lan.Attach(stranger, "eth0", intruder.String()+"/24")
	f.forger = stranger.Forger("eth0")
	return f
}

// A look is what one node says at one moment.
type look struct {
	transitions uint64
	dropped     map[string]uint64 // by the router and by its interface
	cpu         time.Duration     // of the router process
}

func (f flood) look() []look {
	var out []look
	for _, d := range f.nodes {
		text, err := d.Command("status", "-o", "json")
		var s struct {
			VRRP   []vrrp.Status
			Kernel struct {
				Interfaces []struct {
					Dropped   map[string]uint64
					Overflows uint64
				}
			}
		}
		if err == nil {
			err = json.Unmarshal([]byte(text), &s)
		}
		pid, perr := d.RouterPID()
		cpu, cerr := netns.CPUTime(pid)
		if err != nil || perr != nil || cerr != nil || len(s.VRRP) != 1 {
			f.t.Fatalf("status: %v, %v, %v: %s", err, perr, cerr, text)
		}
		l := look{transitions: s.VRRP[0].Transitions, dropped: s.VRRP[0].Dropped, cpu: cpu}
		for _, i := range s.Kernel.Interfaces {
			l.dropped[overflow] += i.Overflows
			for reason, n := range i.Dropped {
				l.dropped[reason] += n
			}
		}
		out = append(out, l)
	}
	return out
}
