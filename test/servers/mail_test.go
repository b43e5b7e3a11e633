//go:build netns

package servers_test

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/govrrpd/govrrpd/checkers"
)

// concat makes one file of several.
func concat(t *testing.T, dir, name string, files ...string) string {
	t.Helper()
	text := ""
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		text += string(b)
	}
	return write(t, dir, name, text)
}

func TestSMTPAgainstExim(t *testing.T) {
	dir := folder(t)
	keys := newPKI(t, dir)
	// Exim believes a configuration of another user's, or that others may write, only when it gives up its rights.
	config := write(t, dir, "exim.conf", `
primary_hostname = mail.example.net
spool_directory = `+dir+`/spool
log_file_path = `+dir+`/%slog
exim_user = root
never_users =
tls_advertise_hosts = *
tls_certificate = `+keys.cert+`
tls_privatekey = `+keys.key+`
daemon_smtp_ports = 2525 : 4650
tls_on_connect_ports = 4650
local_interfaces = 127.0.0.1
keep_environment =
acl_smtp_helo = helo
begin acl
helo:
  deny condition = ${if eq{$sender_helo_name}{bad.example.net}}
       message = not you
  accept
`)
	s := start(t, dir, "", "exim4", "-bdf", "-C", config)
	s.well(checkers.SMTP{Target: at(2525), TLS: keys.trusts(), Start: true})
	s.well(checkers.SMTP{Target: at(4650), TLS: keys.trusts()})
	s.asked(checkers.SMTP{Target: at(2525), Helo: "lb1.example.net"},
		question{"a name that it refuses", checkers.SMTP{Target: at(2525), Helo: "bad.example.net"}, `the server says 550 "not you"`},
		question{"unknown authority", checkers.SMTP{Target: at(2525), TLS: keys.distrusts(), Start: true}, notTrusted},
		question{"plain where TLS is wanted", checkers.SMTP{Target: at(4650)}, "greeting"},
	)
}

func TestIMAPAndPOPAgainstDovecot(t *testing.T) {
	dir := folder(t)
	keys := newPKI(t, dir)
	passwords := write(t, dir, "users", "probe:{PLAIN}s3cret:1000:1000::"+dir+"/home\n")
	config := write(t, dir, "dovecot.conf", `
base_dir = `+dir+`/run
state_dir = `+dir+`/state
log_path = /dev/stderr
protocols = imap pop3
listen = 127.0.0.1
ssl = yes
ssl_cert = <`+keys.cert+`
ssl_key = <`+keys.key+`
disable_plaintext_auth = no
mail_location = maildir:`+dir+`/mail
first_valid_uid = 1000
auth_failure_delay = 0
passdb {
  driver = passwd-file
  args = `+passwords+`
}
userdb {
  driver = passwd-file
  args = `+passwords+`
}
service imap-login {
  inet_listener imap {
    port = 1143
  }
  inet_listener imaps {
    port = 1993
  }
}
service pop3-login {
  inet_listener pop3 {
    port = 1110
  }
  inet_listener pop3s {
    port = 1995
  }
}
`)
	if err := os.MkdirAll(dir+"/mail", 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir+"/mail", 0o777); err != nil {
		t.Fatal(err)
	}
	s := start(t, dir, "", "dovecot", "-F", "-c", config)
	login, wrong := checkers.Login{User: "probe", Password: "s3cret"}, checkers.Login{User: "probe", Password: "no"}
	line := func(p checkers.LineProtocol, port uint16) checkers.Lines {
		return checkers.Lines{Target: at(port), Protocol: p}
	}
	secure := func(c checkers.Lines, t *checkers.TLS, start bool) checkers.Lines {
		c.TLS, c.Start = t, start
		return c
	}
	as := func(c checkers.Lines, l checkers.Login) checkers.Lines {
		c.Login = l
		return c
	}
	for _, c := range []checkers.Lines{
		as(line(checkers.IMAP, 1143), login), secure(line(checkers.IMAP, 1143), keys.trusts(), true), secure(line(checkers.IMAP, 1993), keys.trusts(), false),
		as(line(checkers.POP, 1110), login), secure(line(checkers.POP, 1110), keys.trusts(), true), secure(line(checkers.POP, 1995), keys.trusts(), false),
		line(checkers.POP, 1110),
	} {
		s.well(c)
	}
	s.unwell("POP: wrong password", as(line(checkers.POP, 1110), wrong), timeout, "Authentication failed")
	s.unwell("POP: unknown authority", secure(line(checkers.POP, 1110), keys.distrusts(), true), timeout, notTrusted)
	s.unwell("POP: a port of another protocol", line(checkers.POP, 1143), timeout, "want +OK")
	s.asked(line(checkers.IMAP, 1143),
		question{"wrong password", as(line(checkers.IMAP, 1143), wrong), "AUTHENTICATIONFAILED"},
		question{"unknown authority", secure(line(checkers.IMAP, 1143), keys.distrusts(), true), notTrusted},
		question{"a port of another protocol", line(checkers.IMAP, 1110), "want * OK"},
	)
	s.unwell("POP: gone", line(checkers.POP, 1110), timeout, refused)
}

// TestNNTPAgainstLeafnode: leafnode answers one client on its standard input, and knows one place for its configuration.
func TestNNTPAgainstLeafnode(t *testing.T) {
	dir := folder(t)
	configure := func(host string) {
		config := write(t, dir, "config", "expire = 20\nserver = localhost\nhostname = "+host+"\n")
		own(t, config, "news")
		const place = "/etc/news/leafnode/config"
		if err := unix.Mount(config, place, "", unix.MS_BIND, ""); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Unmount(place, unix.MNT_DETACH) })
	}
	configure("lb.news.dom.ain")
	s := start(t, dir, "", "socat", "TCP-LISTEN:1119,bind=127.0.0.1,fork,reuseaddr", "EXEC:/usr/sbin/leafnode,nofork")
	good := checkers.Lines{Target: at(1119), Protocol: checkers.NNTP}
	wrong, secure := good, good
	wrong.Login = checkers.Login{User: "probe", Password: "no"}
	secure.TLS, secure.Start = &checkers.TLS{}, true
	s.asked(good,
		question{"no TLS", secure, "STARTTLS: the server says 500"},
		question{"no users", wrong, "AUTHINFO USER: the server says"},
	)
	configure("news.example.net") // which it does not take for a name
	sick := start(t, dir, "", "socat", "TCP-LISTEN:1119,bind=127.0.0.1,fork,reuseaddr", "EXEC:/usr/sbin/leafnode,nofork")
	sick.listening(1119)
	sick.unwell("not configured", good, timeout, "greeting: the server says 503")
}
