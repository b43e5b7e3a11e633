vrrp_instance "mixed" {
  interface         = "eth0"
  virtual_router_id = 1
  virtual_addresses = ["192.0.2.10/24", "2001:db8::10/64"]
}
vrrp_instance "global-first" {
  interface         = "eth0"
  virtual_router_id = 2
  virtual_addresses = ["2001:db8::20/64", "fe80::20/64"]
}
vrrp_instance "version" {
  interface         = "eth0"
  virtual_router_id = 3
  version           = 2
  checksum          = "message"
  virtual_addresses = ["fe80::30/64"]
}
vrrp_instance "ends" {
  interface         = "eth0"
  virtual_router_id = 4
  source            = "192.0.2.1"
  virtual_addresses = ["fe80::40/64"]
  unicast {
    peers = ["192.0.2.2", "fe80::2%eth0", "ff02::12", "::1", "fe80:::3"]
  }
}
vrrp_instance "lengths" {
  interface         = "eth0"
  virtual_router_id = 5
  virtual_addresses = ["fe80::50/129", "fe80::51/0", "2001:db8::/64", "::ffff:192.0.2.10/96"]
}
vrrp_instance "not-about-IPv4" {
  interface         = "eth0"
  virtual_router_id = 6
  link_local_first  = false
  virtual_addresses = ["192.0.2.60/24"]
}
vrrp_instance "ten" {
  interface         = "eth0"
  virtual_router_id = 7
  virtual_addresses = ["192.0.2.70/24"]
}
vrrp_instance "ten-IPv6" { # the same VRID is fine
  interface         = "eth0"
  virtual_router_id = 7
  virtual_addresses = ["fe80::70/64"]
}
vrrp_instance "ten-again" {
  interface         = "eth0"
  virtual_router_id = 7
  virtual_addresses = ["fe80::71/64"]
}
