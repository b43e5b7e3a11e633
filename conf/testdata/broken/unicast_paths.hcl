vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  unicast {
    source = "10.0.0.1"
    peer "10.0.0.2" {
      path "10.0.0.2" {}
      path "10.1.0.2" { interface = "eth1:0" }
      path "10.1.0.2" { interface = "eth1" }
      path "192.0.2.10" {}
      path "2001:db8::2" {}
      path "lb2" {}
    }
  }
}

vrrp_instance "old" {
  interface         = "eth0"
  virtual_router_id = 52
  version           = 2
  virtual_addresses = ["192.0.2.11/24"]
  authentication {
    type     = "ah"
    password = "secret"
  }
  unicast {
    source = "10.0.0.1"
    peer "10.0.0.2" {
      path "10.1.0.2" { interface = "eth1" }
    }
  }
}
