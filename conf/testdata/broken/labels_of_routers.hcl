vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  route = "10.0.0.0/8"
  vmac  = true
  hmac {
    active_key = 1
    key { secret = "correct horse battery staple 0123" }
  }
  track {
    interface {}
  }
}
static_route {
  via = "10.0.0.1"
}
