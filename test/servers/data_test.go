//go:build netns

package servers_test

import (
	"os"
	"testing"

	"github.com/govrrpd/govrrpd/checkers"
)

// own gives a folder to a user of this host.
func own(t *testing.T, dir, name string) {
	t.Helper()
	uid, gid := identity(t, name)
	if err := os.Chown(dir, int(uid), int(gid)); err != nil {
		t.Fatal(err)
	}
}

func TestMySQLAgainstMariaDB(t *testing.T) {
	dir := folder(t)
	own(t, dir, "mysql")
	must(t, "mysql", "mariadb-install-db", "--no-defaults", "--datadir="+dir+"/data", "--auth-root-authentication-method=normal", "--skip-test-db")
	keys := newPKI(t, dir)
	setup := write(t, dir, "setup.sql", `
CREATE USER probe@'127.0.0.1' IDENTIFIED BY 's3cret';
CREATE DATABASE shop;
GRANT SELECT ON shop.* TO probe@'127.0.0.1';
`)
	s := start(t, dir, "mysql", "mariadbd", "--no-defaults", "--datadir="+dir+"/data", "--socket="+dir+"/socket", "--port=3306", "--bind-address=127.0.0.1",
		"--init-file="+setup, "--ssl-cert="+keys.cert, "--ssl-key="+keys.key, "--innodb-buffer-pool-size=8M", "--pid-file="+dir+"/pid", "--skip-name-resolve")
	databaseLife(t, s, keys, checkers.SQL{Target: at(3306), Login: checkers.Login{User: "probe", Password: "s3cret"}, Database: "shop"}, "Access denied", "doesn't exist")
}

func TestPostgreSQL(t *testing.T) {
	dir := folder(t)
	own(t, dir, "postgres")
	bin := "/usr/lib/postgresql/15/bin/"
	must(t, "postgres", bin+"initdb", "-D", dir+"/data", "-A", "scram-sha-256", "-U", "probe", "--pwfile="+write(t, dir, "password", "s3cret\n"), "-N")
	keys := newPKI(t, dir)
	for _, f := range []string{keys.cert, keys.key} {
		own(t, f, "postgres")
	}
	if err := os.Chmod(keys.key, 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, dir, "postgres", bin+"postgres", "-D", dir+"/data", "-p", "5432", "-h", "127.0.0.1", "-k", dir, "-F",
		"-c", "ssl=on", "-c", "ssl_cert_file="+keys.cert, "-c", "ssl_key_file="+keys.key)
	databaseLife(t, s, keys, checkers.SQL{Target: at(5432), Dialect: checkers.PostgreSQL, Login: checkers.Login{User: "probe", Password: "s3cret"}, Database: "postgres"},
		"password authentication failed", "does not exist")
}

// databaseLife puts a database through everything.
func databaseLife(t *testing.T, s *server, keys pki, good checkers.SQL, denied, missing string) {
	t.Helper()
	change := func(f func(*checkers.SQL)) checkers.SQL {
		c := good
		f(&c)
		return c
	}
	s.well(good)
	s.well(change(func(c *checkers.SQL) { c.TLS = keys.trusts() }))
	s.asked(change(func(c *checkers.SQL) { c.Query = "SELECT 1" }),
		question{"wrong password", change(func(c *checkers.SQL) { c.Login.Password = "no" }), denied},
		question{"no such table", change(func(c *checkers.SQL) { c.Query = "SELECT * FROM nothing" }), missing},
		question{"no row", change(func(c *checkers.SQL) { c.Query = "SELECT 1 FROM (SELECT 1 AS a) AS t WHERE a = 2" }), "the answer has no row"},
		question{"unknown authority", change(func(c *checkers.SQL) { c.TLS = keys.distrusts() }), notTrusted},
	)
}

func TestRedis(t *testing.T) {
	dir := folder(t)
	s := start(t, dir, "", "redis-server", "--port", "6379", "--bind", "127.0.0.1", "--requirepass", "s3cret", "--save", "")
	slave := start(t, dir, "", "redis-server", "--port", "6380", "--bind", "127.0.0.1", "--replicaof", "127.0.0.1 1", "--save", "")
	login := checkers.Login{Password: "s3cret"}
	slave.well(checkers.Redis{Target: at(6380), Role: "slave"})
	s.well(checkers.Redis{Target: at(6379), Login: checkers.Login{User: "default", Password: "s3cret"}})
	s.asked(checkers.Redis{Target: at(6379), Login: login, Role: "master"},
		question{"no password", checkers.Redis{Target: at(6379)}, "NOAUTH"},
		question{"wrong password", checkers.Redis{Target: at(6379), Login: checkers.Login{Password: "no"}}, "WRONGPASS"},
		question{"another role", checkers.Redis{Target: at(6379), Login: login, Role: "slave"}, `role is "master", want slave`},
	)
}

func TestMQTTAgainstMosquitto(t *testing.T) {
	dir := folder(t)
	keys := newPKI(t, dir)
	passwords := write(t, dir, "passwords", "probe:s3cret\n")
	must(t, "", "mosquitto_passwd", "-U", passwords)
	config := write(t, dir, "mosquitto.conf", "user root\nallow_anonymous false\npassword_file "+passwords+"\nlistener 1883 127.0.0.1\n"+
		"listener 8883 127.0.0.1\ncertfile "+keys.cert+"\nkeyfile "+keys.key+"\n")
	s := start(t, dir, "", "mosquitto", "-c", config)
	login := checkers.Login{User: "probe", Password: "s3cret"}
	s.well(checkers.MQTT{Target: at(8883), Login: login, TLS: keys.trusts()})
	s.asked(checkers.MQTT{Target: at(1883), Login: login},
		question{"nobody", checkers.MQTT{Target: at(1883)}, "the client is not allowed"},
		question{"wrong password", checkers.MQTT{Target: at(1883), Login: checkers.Login{User: "probe", Password: "no"}}, "the client is not allowed"},
		question{"unknown authority", checkers.MQTT{Target: at(8883), Login: login, TLS: keys.distrusts()}, notTrusted},
	)
}

func TestFTPAgainstVsftpd(t *testing.T) {
	dir := folder(t)
	keys := newPKI(t, dir)
	if err := os.MkdirAll(dir+"/empty", 0o755); err != nil {
		t.Fatal(err)
	}
	config := write(t, dir, "vsftpd.conf", "listen=YES\nlisten_address=127.0.0.1\nlisten_port=2121\nbackground=NO\nanonymous_enable=YES\nlocal_enable=NO\n"+
		"seccomp_sandbox=NO\nftp_username=ftp\nanon_root="+dir+"/empty\nsecure_chroot_dir="+dir+"/empty\nssl_enable=YES\nallow_anon_ssl=YES\nforce_anon_logins_ssl=NO\nforce_anon_data_ssl=NO\n"+
		"rsa_cert_file="+keys.cert+"\nrsa_private_key_file="+keys.key+"\nssl_tlsv1=YES\nssl_ciphers=HIGH\n")
	s := start(t, dir, "", "vsftpd", config)
	ftp := checkers.Lines{Target: at(2121), Protocol: checkers.FTP}
	as, secure, wary := ftp, ftp, ftp
	as.Login = checkers.Login{User: "anonymous", Password: "probe@example.net"}
	secure.TLS, secure.Start = keys.trusts(), true
	wary.TLS, wary.Start = keys.distrusts(), true
	wrong := ftp
	wrong.Login = checkers.Login{User: "probe", Password: "no"}
	s.well(ftp)
	s.well(secure)
	s.asked(as,
		question{"no such user", wrong, "the server says 530"},
		question{"unknown authority", wary, notTrusted},
		question{"another protocol", checkers.Lines{Target: at(2121), Protocol: checkers.NNTP}, "the server says 220"},
	)
}

func TestSIPAgainstKamailio(t *testing.T) {
	dir := folder(t)
	config := write(t, dir, "kamailio.cfg", `
children=1
log_stderror=yes
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "textops.so"
listen=udp:127.0.0.1:5060
listen=tcp:127.0.0.1:5060
request_route {
  if ($rU == "busy") { sl_send_reply("486", "Busy Here"); exit; }
  sl_send_reply("100", "Trying");
  sl_send_reply("200", "OK");
}
`)
	s := start(t, dir, "", "kamailio", "-DD", "-E", "-Y", dir, "-f", config, "-m", "16", "-M", "4")
	s.well(checkers.SIP{Target: at(5060), TCP: true})
	s.asked(checkers.SIP{Target: at(5060)},
		question{"busy", checkers.SIP{Target: at(5060), URI: "sip:busy@example.net"}, `status "486 Busy Here", want 200 to 299`},
		question{"busy, over TCP", checkers.SIP{Target: at(5060), TCP: true, URI: "sip:busy@example.net"}, `status "486 Busy Here"`},
	)
	s.unwell("gone, over TCP", checkers.SIP{Target: at(5060), TCP: true}, timeout, refused)
}
