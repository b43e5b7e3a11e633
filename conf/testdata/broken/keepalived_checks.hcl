virtual_server "shop" {
  address = "192.0.2.10:80"
  lb_algo = "rr"
  lb_kind = "DR"
  check "HTTP_GET" {}
  check "MISC_CHECK" {}
  real_server "10.0.0.11:80" {}
}
