virtual_server "shop" {
  address = "192.0.2.10:80"
  check "tcp" {
    source    = "2001:db8::1"
    interface = "an-interface-with-a-name"
    mark      = 0
    tls       = "starttls"
    bytes     = "1"
  }
  check "tcp" {
    source     = "here"
    verify     = false
    send       = "a"
    send_bytes = "XX"
  }
  check "https" {
    certificate    = "/etc/passwd"
    expiry_warning = "1m"
    version        = "3"
    method         = "GET /"
    headers        = { "X:" = "1" }
    json           = ["status"]
    digest         = "abc"
    redirects      = 11
  }
  check "dns" {
    protocol = "udp"
    tls      = "on"
    type     = "AAA"
    rcode    = ["NOPE"]
    query    = "a..b"
  }
  check "smtp" { helo = "a b" }
  check "imap" { password = "s3cret" }
  check "ldap" {
    base   = "example"
    filter = "uid=*"
  }
  check "mysql" {}
  check "radius" { user = "probe" }
  check "sip" { uri = "a <b>" }
  check "ping" { host = "www" }
  check "file" { file = "weights" }
  check "file" {}
  check "redis" { role = "leader" }
  check "script" {
    command     = ["true"]
    environment = { "A=B" = "1" }
  }
  real_server "10.0.0.11:80" {}
}
