vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  track {
    interfaces = ["eth1", "eth/2", "eth1"]
    interface "eth1" { weight = -20 }
    script "ngnix" { weight = -30 }
    script "nginx" { weight = -300 }
    file "nothing" {}
    process "haproxy" {}
    route "10.0.0.1/8" {}
    bfd "peer" {}
    virtual_server "shop" { weight = "much" }
  }
}
vrrp_instance "owner" {
  interface         = "eth0"
  virtual_router_id = 52
  priority          = 255
  virtual_addresses = ["192.0.2.11/24"]
  track {
    script "nginx" { weight = -20 }
  }
}
track_script "nginx" {
  command  = ["/bin/sh"]
  interval = "1s"
}
track_script "nginx" {
  command = ["/bin/sh"]
}
virtual_server "shop" {
  address = "192.0.2.10:80"
}
