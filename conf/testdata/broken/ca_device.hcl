virtual_server "shop" {
  address = "192.0.2.10:443"
  check "https" { ca_file = "/dev/zero" }
  real_server "10.0.0.11:443" {}
}
