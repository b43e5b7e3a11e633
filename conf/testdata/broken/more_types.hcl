vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  priority = { a = 1 }
  checksum = true
  interface2 = 1
}
virtual_server "shop" {
  address = "192.0.2.10:80"
  forward = ["nat"]
  scheduler = 5
  real_server "10.0.0.11:80" {
    weight = true
  }
}
