package vrrp

import (
	"net/netip"
	"testing"
	"time"
)

// checksumForms are those that are on the wire.
var checksumForms = []Form{FormPseudoHeader, FormMessage, FormOldUnicast}

func formConfig() *Config {
	return &Config{Name: "web", VRID: 51, Version: V3, Priority: 100, AdvertInterval: time.Second, Interface: "eth0",
		Source: vectorPeer, Peers: []netip.Addr{vectorSource, vectorPeer.Next()}, Addresses: []Address{{Prefix: netip.MustParsePrefix("192.0.2.100/24")}}}
}

// formAdvert is what arrives when a peer uses a form; FormNone spoils the checksum.
func formAdvert(t *testing.T, form Form) (Advert, error) {
	t.Helper()
	p := vectorPacket(func(p *Packet) { p.Form = form })
	b := p.Marshal(vectorSource, vectorPeer)
	if form == FormNone {
		b[6]++
	}
	parsed, err := ParsePacket(b, vectorSource, vectorPeer)
	return Advert{From: vectorSource, To: vectorPeer, TTL: TTL, Packet: parsed}, err
}

func TestChecksumFormOfEachPeer(t *testing.T) {
	for _, c := range []struct {
		name           string
		instance, peer Form // configured; the peer's FormNone stands for none
		refused        []Form
		reason         Reason
	}{
		{"auto", FormAuto, FormNone, []Form{FormNone}, DropChecksum},
		{"message for all", FormMessage, FormNone, []Form{FormPseudoHeader, FormOldUnicast}, DropForm},
		{"message for all but the peer", FormMessage, FormPseudoHeader, []Form{FormMessage, FormOldUnicast}, DropForm},
		{"message for the peer", FormPseudoHeader, FormMessage, []Form{FormPseudoHeader, FormOldUnicast}, DropForm},
		{"old for the peer", FormAuto, FormOldUnicast, []Form{FormPseudoHeader, FormMessage}, DropForm},
		{"auto for the peer", FormMessage, FormAuto, []Form{FormNone}, DropChecksum},
		{"any for the peer", FormMessage, FormAny, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := formConfig()
			config.Checksum = c.instance
			if c.peer != FormNone {
				config.PeerForms = map[netip.Addr]Form{vectorSource: c.peer}
			}
			if err := config.Validate(); err != nil {
				t.Fatal(err)
			}
			for _, form := range append(checksumForms, FormNone) {
				a, err := formAdvert(t, form)
				if (err != nil) != (form == FormNone) {
					t.Fatalf("form %d: %v", form, err)
				}
				var want error
				for _, refused := range c.refused {
					if form == refused {
						want = c.reason
					}
				}
				if form == FormNone && c.peer != FormAny {
					want = DropChecksum
				}
				if err := Admit(config, vectorPeer, a); err != want {
					t.Errorf("an advert of form %d: %v, want %v", form, err, want)
				}
			}
		})
	}
}

func TestWeSendToEachPeerInItsForm(t *testing.T) {
	config := formConfig()
	config.PeerForms = map[netip.Addr]Form{}
	other := config.Peers[1]
	s := newSpeech(config)
	for _, form := range checksumForms { // learned from one peer, and only for it
		a, err := formAdvert(t, form)
		if err != nil {
			t.Fatal(err)
		}
		if s.hear(a); s.form(vectorSource) != form || s.form(other) != FormPseudoHeader {
			t.Errorf("after form %d we send %d and to the other %d", form, s.form(vectorSource), s.form(other))
		}
	}
	for chosen, want := range map[Form]Form{FormPseudoHeader: FormPseudoHeader, FormMessage: FormMessage, FormOldUnicast: FormOldUnicast,
		FormAny: FormMessage, FormAuto: FormOldUnicast} {
		next := formConfig()
		next.Checksum = FormPseudoHeader
		next.PeerForms = map[netip.Addr]Form{vectorSource: chosen}
		if s.reconfigure(next); s.form(vectorSource) != want || s.form(other) != FormPseudoHeader {
			t.Errorf("form %d is configured: we send %d, want %d; and to the other %d", chosen, s.form(vectorSource), want, s.form(other))
		}
	}
	if a, _ := formAdvert(t, FormNone); true {
		if s.hear(a); s.forms[vectorSource] != FormOldUnicast {
			t.Errorf("a wrong checksum taught us form %d", s.forms[vectorSource])
		}
	}
}

func TestFormOfAPeerIsValidated(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no peer":   func(c *Config) { c.PeerForms[netip.MustParseAddr("10.9.9.9")] = FormMessage },
		"unknown":   func(c *Config) { c.PeerForms[vectorSource] = FormNone },
		"version 2": func(c *Config) { c.Version = V2; c.PeerForms[vectorSource] = FormMessage },
	} {
		c := formConfig()
		c.PeerForms = map[netip.Addr]Form{}
		if change(c); c.Validate() == nil {
			t.Errorf("%s is valid", name)
		}
	}
}
