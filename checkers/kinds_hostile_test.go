package checkers

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"
)

// overTCP are the kinds that converse, as they ask a server at addr.
func overTCP(addr netip.AddrPort) map[string]Checker {
	login := Login{User: "probe", Password: "s3cret"}
	t := at(addr)
	return map[string]Checker{
		"tcp":        TCP{Target: t, Send: "PING\r\n", Expect: Expect{Contains: "PONG"}},
		"tcp tls":    TCP{Target: t, TLS: trusting(true), Expect: Expect{Prefix: "+"}},
		"http 2":     HTTP{Target: t, Version: "2"},
		"http 2 tls": HTTP{Target: t, Version: "2", TLS: trusting(true)},
		"grpc":       GRPC{Target: t},
		"smtp":       SMTP{Target: t},
		"smtp start": SMTP{Target: t, TLS: trusting(true), Start: true},
		"imap":       Lines{Target: t, Protocol: IMAP, Login: login},
		"pop":        Lines{Target: t, Protocol: POP, Login: login},
		"ftp":        Lines{Target: t, Protocol: FTP, Login: login},
		"nntp":       Lines{Target: t, Protocol: NNTP, Login: login},
		"ldap":       LDAP{Target: t, Login: login, Filter: "(uid=*)"},
		"mysql":      SQL{Target: t, Dialect: MySQL, Login: login},
		"postgresql": SQL{Target: t, Dialect: PostgreSQL, Login: login},
		"redis":      Redis{Target: t, Login: login, Role: "master"},
		"sip":        SIP{Target: t, TCP: true},
		"dns":        DNS{Target: t, TCP: true, Name: "example.net"},
		"mqtt":       MQTT{Target: t, Login: login},
		"agent":      Agent{Target: t, Base: 100},
	}
}

// pour writes text again and again, whatever the other side says.
func pour(text string) func(net.Conn) {
	return func(conn net.Conn) {
		block := []byte(strings.Repeat(text, 1+4096/len(text)))
		for {
			if _, err := conn.Write(block); err != nil {
				return
			}
		}
	}
}

// trickle writes text a byte at a time.
func trickle(text string) func(net.Conn) {
	return func(conn net.Conn) {
		for i := 0; ; i++ {
			if _, err := conn.Write([]byte{text[i%len(text)]}); err != nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// TestEveryKindSurvivesHostileServers: none is a success, none outlives its deadline, and none leaves a goroutine behind.
func TestEveryKindSurvivesHostileServers(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("servers", func(t *testing.T) {
		for name, handle := range map[string]func(net.Conn){
			"says nothing": silent, "closes at once": func(net.Conn) {}, "closes after a word": reply("x"), "resets": reset,
			"pours zeroes": pour("\x00"), "pours lines": pour("x\r\n"), "pours a line": pour("220-"), "pours IMAP": pour("* OK x\r\n"),
			"pours codes": pour("220-x\r\n"), "pours digits": pour("*1\r\n$99999\r\n"), "pours frames": pour("\x00\x00\x00\x04\x00\x00\x00\x00\x00"),
			"pours headers": pour("SIP/2.0 100 x\r\nX: y\r\n"), "pours ones": pour("\xff"), "trickles": trickle("* OK "), "trickles code": trickle("220 x\r\n"),
		} {
			addr := serve(t, handle)
			for kind, c := range overTCP(addr) {
				t.Run(name+"/"+kind, func(t *testing.T) {
					t.Parallel()
					if err := probeFor(t, c, 300*time.Millisecond); err == nil {
						t.Error("the probe was a success")
					}
				})
			}
		}
	})
	eventually(t, "the end of all that probes started", func() bool { return runtime.NumGoroutine() <= before+2 })
}

// overUDP are the kinds that ask by datagrams.
func overUDP(addr netip.AddrPort) map[string]Checker {
	return map[string]Checker{
		"udp":    UDP{Target: at(addr), Expect: Expect{Prefix: "+"}},
		"dns":    DNS{Target: at(addr), Name: "example.net"},
		"sip":    SIP{Target: at(addr)},
		"ntp":    NTP{Target: at(addr)},
		"radius": RADIUS{Target: at(addr), Login: Login{User: "probe"}, Secret: "s3cret"},
	}
}

func TestEveryKindOverUDPSurvivesHostileServers(t *testing.T) {
	for name, answers := range map[string][]string{
		"silence": nil, "nothing": {""}, "a byte": {"\x00"}, "zeroes": {strings.Repeat("\x00", 1400)}, "ones": {strings.Repeat("\xff", 1400)},
		"words": {"SIP/2.0 200 OK\r\n\r\n"}, "many": {"\x02", "", strings.Repeat("a", 4000), "SIP/2.0", "\x24" + strings.Repeat("\x00", 47)},
	} {
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		go func() {
			for buf := make([]byte, 2048); ; {
				_, from, err := conn.ReadFromUDP(buf)
				if err != nil {
					return
				}
				for _, a := range answers {
					_, _ = conn.WriteToUDP([]byte(a), from)
				}
			}
		}()
		for kind, c := range overUDP(netip.MustParseAddrPort(conn.LocalAddr().String())) {
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				if err := probeFor(t, c, 300*time.Millisecond); err == nil {
					t.Error("the probe was a success")
				}
			})
		}
	}
}

// played returns a dialog with a server that says what a tape says, and takes what it is told.
func played(text []byte) *dialog {
	return converse(context.Background(), tape{Conn: deaf{}, Reader: strings.NewReader(string(text))})
}

// deaf is a connection to which everything can be said.
type deaf struct{ net.Conn }

func (deaf) Write(p []byte) (int, error)     { return len(p), nil }
func (deaf) SetDeadline(time.Time) error     { return nil }
func (deaf) Close() error                    { return nil }
func (deaf) RemoteAddr() net.Addr            { return &net.TCPAddr{} }
func (deaf) LocalAddr() net.Addr             { return &net.TCPAddr{} }
func (deaf) SetReadDeadline(time.Time) error { return nil }

// FuzzLineAnswers: no words of a server crash a protocol of lines, and a success begins with a good greeting.
func FuzzLineAnswers(f *testing.F) {
	f.Add(uint8(IMAP), []byte("* OK hello\r\n* CAPABILITY x\r\ng OK\r\n* BYE\r\ng OK\r\n"))
	f.Add(uint8(POP), []byte("+OK\r\n+OK\r\n+OK\r\n+OK\r\n"))
	f.Add(uint8(FTP), []byte("220-a\r\n b\r\n220 c\r\n331 x\r\n230 y\r\n221 z\r\n"))
	f.Add(uint8(NNTP), []byte("201 no posting\r\n381 x\r\n281 y\r\n205 z\r\n"))
	f.Fuzz(func(t *testing.T, p uint8, text []byte) {
		d := played(text)
		defer d.close()
		w := LineProtocol(p % uint8(lineProtocols)).words()
		if w.greeting(d) == nil && w.login(d, Login{User: "u", Password: "p"}) == nil && w.leave(d) == nil {
			if good := []string{"* ", "+OK", "220", "20"}[p%uint8(lineProtocols)]; !strings.HasPrefix(string(text), good) {
				t.Errorf("%q is a success", text)
			}
		}
	})
}

func FuzzRedisAnswer(f *testing.F) {
	f.Add([]byte("+PONG\r\n"))
	f.Add([]byte("-LOADING Redis is loading\r\n"))
	f.Add([]byte("*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"))
	f.Add([]byte("$-1\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		d := played(text)
		defer d.close()
		if got, err := d.resp("answer"); err == nil && !strings.Contains(string(text), got) {
			t.Errorf("%q is read as %q", text, got)
		}
	})
}

func FuzzSIPAnswer(f *testing.F) {
	f.Add([]byte("SIP/2.0 200 OK\r\nCall-ID: 0000000000000007@govrrpd\r\n\r\n"))
	f.Add([]byte("SIP/2.0 100 Trying\r\nCall-ID: 0000000000000007@govrrpd\r\n\r\nSIP/2.0 486 Busy\r\n\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		d := played(text)
		defer d.close()
		if done, err := (SIP{}).answer(newText(d), 7); done && err == nil && !strings.Contains(string(text), "SIP/2.0 2") {
			t.Errorf("%q is a success", text)
		}
	})
}

func FuzzGRPCAnswer(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x02\x08\x01"))
	f.Add([]byte("\x00\x00\x00\x00\x00"))
	f.Add([]byte("\x01\x00\x00\x00\x02\x08\x01"))
	f.Fuzz(func(t *testing.T, message []byte) {
		if judgeServing(message) == nil && !strings.Contains(string(message), "\x01") {
			t.Errorf("%q is a success", message)
		}
	})
}

func FuzzMQTTAnswer(f *testing.F) {
	f.Add([]byte("\x20\x02\x00\x00"))
	f.Add([]byte("\x20\x02\x00\x05"))
	f.Fuzz(func(t *testing.T, p []byte) {
		if len(p) == 4 && connack([4]byte(p)) == nil && p[3] != 0 {
			t.Errorf("% x is a success", p)
		}
	})
}

func FuzzRADIUSAnswer(f *testing.F) {
	c := RADIUS{Login: Login{User: "probe", Password: "p"}, Secret: "s3cret"}
	question := c.request(7, [16]byte{1, 2, 3})
	f.Add([]byte{2, 7, 0, 20})
	f.Add(append([]byte{2, 7, 0, 20}, make([]byte, 16)...))
	f.Fuzz(func(t *testing.T, p []byte) {
		if done, err := c.judge(question, p); done && err == nil {
			t.Errorf("% x is an accept, without the secret", p) // 128 bits of chance
		}
	})
}

func FuzzAgentLine(f *testing.F) {
	for _, line := range []string{"75%", "ready 50% maxconn:30", "drain", "down#disk full", "maint", "x", "99999999999%", "-1%"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if weight, ok, err := (Agent{Base: 100}).judge(line); err == nil && ok && (weight < 0 || weight > maxWeight) {
			t.Errorf("%q is a weight of %d", line, weight)
		}
	})
}

func FuzzWeightFile(f *testing.F) {
	for _, text := range []string{"", "0", "65535\n", "down", "-1", "70000"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if weight, ok, err := judgeFile(text); err == nil && ok && (weight < 0 || weight > maxWeight) {
			t.Errorf("%q is a weight of %d", text, weight)
		}
	})
}

func FuzzEcho(f *testing.F) {
	f.Add([]byte("\x00\x00\xff\xff\x00\x01\x00\x02"), false)
	f.Add([]byte("\x03\x01\x00\x00\x00\x00\x00\x00\x45\x00\x00\x1c\x00\x00\x00\x00\x40\x01\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02\x08\x00\x00\x00\x00\x01\x00\x02"), false)
	f.Add([]byte("\x81\x00\x00\x00\x00\x01\x00\x02"), true)
	f.Fuzz(func(_ *testing.T, message []byte, v6 bool) {
		p := &pinger{version: 4}
		if v6 {
			p.version = 6
		}
		p.parse(netip.MustParseAddr("10.0.0.1"), message)
	})
}

func FuzzExpect(f *testing.F) {
	f.Add("+", "OK", "^.", "2b XX", []byte("+OK"))
	f.Fuzz(func(t *testing.T, prefix, contains, match, hex string, got []byte) {
		e := Expect{Prefix: prefix, Contains: contains, Match: match, Hex: hex}
		if _, err := e.judge(got); err == nil && (e.Validate() != nil || !strings.HasPrefix(string(got), prefix) || !strings.Contains(string(got), contains)) {
			t.Errorf("%+v takes %q", e, got)
		}
	})
}

// TestRADIUSPacketIsSigned: the authenticators are those of RFC 2865 and RFC 2869.
func TestRADIUSPacketIsSigned(t *testing.T) {
	c := RADIUS{Login: Login{User: "nemo", Password: "arctangent"}, Secret: "xyzzy5461"}
	// RFC 2865 section 7.1 has this password under this authenticator.
	hidden := c.hide([16]byte{0x0f, 0x40, 0x3f, 0x94, 0x73, 0x97, 0x80, 0x57, 0xbd, 0x83, 0xd5, 0xcb, 0x98, 0xf4, 0x22, 0x7a})
	if want := "\x0d\xbe\x70\x8d\x93\xd4\x13\xce\x31\x96\xe4\x3f\x78\x2a\x0a\xee"; string(hidden) != want {
		t.Errorf("the password is hidden as % x, want % x", hidden, want)
	}
	p := c.request(9, [16]byte{1})
	signed := append([]byte(nil), p...)
	copy(signed[22:38], make([]byte, 16))
	mac := hmac.New(md5.New, []byte(c.Secret))
	mac.Write(signed)
	if p[20] != radiusMessageAuth || !hmac.Equal(mac.Sum(nil), p[22:38]) {
		t.Errorf("the packet % x is not signed", p)
	}
}
