bfd_instance "web1" { neighbor = "10.0.0.11" }

virtual_server "shop" {
  address = "192.0.2.10:80"
  forward = "dr"
  check "bfd" {}
  check "bfd" {
    session  = "web2"
    interval = "1s"
  }
  check "http" {
    via     = "tun"
    address = ":81"
  }
  check "tcp" { via = "nat" }
  real_server "10.0.0.11:80" {
    check "bfd" { session = "web2" }
    check "tcp" { via = "tun" }
  }
}

virtual_server "marked" {
  fwmark  = 80
  forward = "dr"
  real_server "10.0.0.11:80" {
    check "tcp" { via = "dr" }
  }
}
