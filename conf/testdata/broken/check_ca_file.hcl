virtual_server "shop" {
  address = "192.0.2.10:80"
  check "https" {
    ca_file = "ca.pem"
  }
  check "https" {
    ca_file = "/nonexistent/ca.pem"
  }
  check "https" {
    ca_file = "/etc/passwd"
  }
  check "https" {
    ca_file = "/etc/ssl/ca.pem"
    verify  = false
  }
}
