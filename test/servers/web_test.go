//go:build netns

package servers_test

import (
	"testing"

	"github.com/govrrpd/govrrpd/checkers"
)

func TestHTTPAgainstNginx(t *testing.T) {
	dir := folder(t)
	keys := newPKI(t, dir)
	write(t, dir, "www/index.html", "state: OK\n")
	write(t, dir, "www/health.json", `{"status": "up", "db": [{"lag": 3}]}`)
	config := write(t, dir, "nginx.conf", `
daemon off; master_process on; worker_processes 1; user root; pid `+dir+`/pid; error_log stderr;
events {}
http {
  access_log off; default_type text/plain; client_body_temp_path `+dir+`/a; proxy_temp_path `+dir+`/b;
  fastcgi_temp_path `+dir+`/c; uwsgi_temp_path `+dir+`/d; scgi_temp_path `+dir+`/e;
  server {
    listen 127.0.0.1:8080; root `+dir+`/www;
    location = /moved { return 302 /index.html; }
    location = /away { return 302 http://www.example.net/; }
    location = /down { return 503; }
    location = /post { if ($request_method != POST) { return 405; } if ($http_x_probe != yes) { return 400; } return 200 "took $content_length"; }
    location = /old { if ($server_protocol != HTTP/1.0) { return 505; } return 200 OK; }
  }
  server { listen 127.0.0.1:8081 proxy_protocol; root `+dir+`/www; location = /who { return 200 "$proxy_protocol_addr"; } }
  server {
    listen 127.0.0.1:8443 ssl http2; server_name www.example.net; root `+dir+`/www;
    ssl_certificate `+keys.cert+`; ssl_certificate_key `+keys.key+`;
    location = /two { if ($server_protocol != HTTP/2.0) { return 505; } return 200 OK; }
  }
  server {
    listen 127.0.0.1:8444 ssl; root `+dir+`/www; ssl_verify_client on; ssl_client_certificate `+keys.cert+`;
    ssl_certificate `+keys.cert+`; ssl_certificate_key `+keys.key+`;
  }
}
`)
	s := start(t, dir, "", "nginx", "-c", config, "-e", "stderr")
	page := func(path string, p checkers.Page) checkers.HTTP {
		return checkers.HTTP{Target: at(8080), Path: path, Page: p}
	}
	for what, c := range map[string]checkers.HTTP{
		"digest":   page("/", checkers.Page{Digest: "fe16c3ebdc4811b498cc595ed01a0fbc"}),
		"json":     page("/health.json", checkers.Page{JSON: map[string]string{"status": "up", "db.0.lag": "3"}}),
		"redirect": {Target: at(8080), Path: "/moved", Redirects: 1, Page: checkers.Page{Contains: "OK"}},
		"post": {Target: at(8080), Path: "/post", Method: "POST", Body: "12345", Headers: map[string]string{"X-Probe": "yes"},
			Page: checkers.Page{Contains: "took 5"}},
		"HTTP/1.0":           {Target: at(8080), Path: "/old", Version: "1.0"},
		"HEAD":               {Target: at(8080), Method: "HEAD"},
		"HTTP/2":             {Target: at(8443), Path: "/two", Version: "2", TLS: keys.trusts()},
		"by name":            {Target: at(8443), Host: "www.example.net", TLS: keys.trusts()},
		"client certificate": {Target: at(8444), TLS: &checkers.TLS{CAFile: keys.cert, CertFile: keys.cert, KeyFile: keys.key}},
		"PROXY v1":           {Target: behind(8081, 1), Path: "/who", Page: checkers.Page{Contains: "127.0.0.1"}},
		"PROXY v2":           {Target: behind(8081, 2), Path: "/"},
	} {
		t.Log(what)
		s.well(c)
	}
	s.asked(page("/", checkers.Page{Contains: "OK", Match: `^state: \w+`}),
		question{"maintenance", page("/down", checkers.Page{}), "status 503, want 200-299"},
		question{"missing page", page("/none", checkers.Page{}), "status 404"},
		question{"wrong text", page("/", checkers.Page{Contains: "fine"}), `does not contain "fine"`},
		question{"wrong digest", page("/", checkers.Page{Digest: "00000000000000000000000000000000"}), "digest of the body is"},
		question{"wrong value", page("/health.json", checkers.Page{JSON: map[string]string{"status": "down"}}), `status is "up", want "down"`},
		question{"a redirect to elsewhere", checkers.HTTP{Target: at(8080), Path: "/away", Redirects: 5}, "status 302"},
		question{"unknown authority", checkers.HTTP{Target: at(8443), TLS: keys.distrusts()}, notTrusted},
		question{"other name", checkers.HTTP{Target: at(8443), Host: "www.example.org", TLS: keys.trusts()}, notTrusted},
		question{"no certificate of ours", checkers.HTTP{Target: at(8444), TLS: keys.trusts()}, "status 400"},
		question{"no HTTP/2", checkers.HTTP{Target: at(8444), Version: "2", TLS: keys.trusts()}, "does not speak HTTP/2"},
		question{"no PROXY header", checkers.HTTP{Target: at(8081)}, "closed the connection"},
	)
}

func behind(port uint16, proxy uint8) checkers.Target {
	t := at(port)
	t.Proxy = proxy
	return t
}

// TestHAProxy: it speaks HTTP/2 without TLS, answers a question over TCP, and refuses with and without words.
func TestTCPAndHTTPAgainstHAProxy(t *testing.T) {
	dir := folder(t)
	keys := newPKI(t, dir)
	pem := concat(t, dir, "both.pem", keys.cert, keys.key)
	config := write(t, dir, "haproxy.cfg", `
global
  stats socket 127.0.0.1:9000 level admin
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend clear
  bind 127.0.0.1:8080 proto h2
  http-request return status 200 content-type text/plain string OK
frontend secure
  bind 127.0.0.1:8443 ssl crt `+pem+` alpn h2,http/1.1
  http-request return status 200 content-type text/plain string OK if { path / }
  http-request deny deny_status 429
frontend deaf
  mode tcp
  bind 127.0.0.1:8081
  tcp-request connection reject
`)
	s := start(t, dir, "", "haproxy", "-db", "-f", config)
	s.well(checkers.HTTP{Target: at(8080), Version: "2", Page: checkers.Page{Contains: "OK"}})
	s.well(checkers.HTTP{Target: at(8443), Version: "2", TLS: keys.trusts(), Page: checkers.Page{Contains: "OK"}})
	s.well(checkers.TCP{Target: at(8443), TLS: keys.trusts(), Send: "GET / HTTP/1.0\r\n\r\n", Expect: checkers.Expect{Prefix: "HTTP/1.", Contains: "200 OK"}})
	s.asked(checkers.TCP{Target: at(9000), Send: "show info\n", Expect: checkers.Expect{Prefix: "Name: HAProxy", Match: `(?m)^Uptime: `}},
		question{"another answer", checkers.TCP{Target: at(9000), Send: "show info\n", Expect: checkers.Expect{Prefix: "+OK"}}, `does not begin with "+OK"`},
		question{"other bytes", checkers.TCP{Target: at(9000), Send: "show info\n", Expect: checkers.Expect{Hex: "4e XX 00"}}, "byte 3 of the answer"},
		question{"no such text", checkers.TCP{Target: at(9000), Send: "show info\n", Expect: checkers.Expect{Contains: "nginx"}}, `does not contain "nginx"`},
		question{"rejected", checkers.TCP{Target: at(8081), Expect: checkers.Expect{Prefix: "x"}}, "read answer"},
		question{"unknown authority", checkers.TCP{Target: at(8443), TLS: keys.distrusts()}, notTrusted},
		question{"too many requests", checkers.HTTP{Target: at(8443), Path: "/x", Version: "2", TLS: keys.trusts()}, "status 429"},
	)
}

// TestGRPCAgainstEtcd: etcd has the health service of gRPC.
func TestGRPCAgainstEtcd(t *testing.T) {
	dir := folder(t)
	s := start(t, dir, "", "etcd", "--data-dir", dir+"/data", "--listen-client-urls", "http://127.0.0.1:2379",
		"--advertise-client-urls", "http://127.0.0.1:2379", "--listen-peer-urls", "http://127.0.0.1:2380", "--unsafe-no-fsync")
	s.asked(checkers.GRPC{Target: at(2379)},
		question{"a service that is not there", checkers.GRPC{Target: at(2379), Service: "shop.v1.Orders"}, "does not know the service"},
		question{"TLS where there is none", checkers.GRPC{Target: at(2379), TLS: &checkers.TLS{}}, "TLS with 127.0.0.1:2379"},
	)
}
