virtual_server "shop" {
  address = "192.0.2.10:80"
  check "http" { match = "version \d+" }
  real_server "10.0.0.11:80" {}
}
