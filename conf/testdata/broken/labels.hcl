vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  virtual_address {
  }
  garp "fast" {
  }
}
virtual_server "shop" {
  address = "192.0.2.10:80"
  real_server {
  }
  sorry_server {
  }
  check {
  }
  dynamic {
  }
}
global "lb1" {
}
