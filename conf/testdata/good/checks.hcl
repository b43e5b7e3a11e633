virtual_server "shop" {
  address = "192.0.2.10:80"

  real_server "10.0.0.11:80" {
    weight = 10
    check "tcp" {
      address        = ":81"
      source         = "10.0.0.1"
      interface      = "eth1"
      mark           = 7
      proxy_protocol = "v2"
      tls            = "on"
      verify         = false
      server_name    = "web.example.net"
      expiry_warning = "336h"
      send           = "PING\r\n"
      prefix         = "+"
      bytes          = "2b XX"
      contains       = "PONG"
      match          = "^.PONG"
    }
    check "http" {
      version   = "1.0"
      method    = "POST"
      headers   = { "X-Probe" = 1 }
      body      = "{}\n"
      redirects = 2
      digest    = "d41d8cd98f00b204e9800998ecf8427e"
      json      = { "status" = "up", "db.0.lag" = 3, "ready" = true }
    }
    check "https" { version = "2" }
    check "grpc" {
      tls     = "on"
      service = "shop.v1.Orders"
    }
    check "udp" {
      send_bytes = "00 ff"
      reply      = true
    }
    check "ping" { size = 64 }
    check "dns" {
      protocol = "tcp"
      tls      = "on"
      query    = "www.example.net"
      type     = "A"
      rcode    = ["NOERROR"]
      answers  = ["192.0.2.10"]
    }
    check "smtp" {
      tls  = "starttls"
      helo = "lb1.example.net"
    }
    check "imap" {
      tls      = "on"
      user     = "probe"
      password = "s3cret"
    }
    check "pop" { tls = "starttls" }
    check "ftp" {
      user     = "probe"
      password = "s3cret"
    }
    check "nntp" {}
    check "ldap" {
      tls      = "starttls"
      user     = "probe"
      password = "s3cret"
      base     = "dc=example,dc=net"
      filter   = "(uid=probe)"
    }
    check "mysql" {
      tls      = "on"
      user     = "probe"
      password = "s3cret"
      database = "shop"
      query    = "SELECT 1"
    }
    check "postgresql" {
      user     = "probe"
      password = "s3cret"
    }
    check "redis" {
      password = "s3cret"
      role     = "master"
    }
    check "sip" {
      protocol = "tcp"
      uri      = "sip:ping@example.net"
      from     = "sip:lb1@example.net"
    }
    check "radius" {
      user     = "probe"
      password = "s3cret"
      secret   = "testing123"
    }
    check "ntp" {
      max_stratum = 3
      max_offset  = "100ms"
    }
    check "mqtt" {
      user     = "probe"
      password = "s3cret"
    }
    check "script" {
      command     = ["true"]
      environment = { PROBE = 1 }
    }
    check "external" { command = ["true", "-v"] }
    check "agent" {
      address = ":9999"
      send    = "state\n"
    }
    check "file" { file = "/run/weights/web1" }
    check "bfd" { session = "web1" }
    check "on" {}
    check "off" {}
  }
}

bfd_instance "web1" { neighbor = "10.0.0.11" }
