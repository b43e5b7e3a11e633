vrrp_instance "words" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  unicast {
    peer "10.0.0.2" { checksum = "as-v2" }
  }
}
vrrp_instance "old" {
  interface         = "eth0"
  virtual_router_id = 52
  version           = 2
  virtual_addresses = ["192.0.2.11/24"]
  unicast {
    peer "10.0.0.2" { checksum = "message" }
  }
}
vrrp_instance "six" {
  interface         = "eth0"
  virtual_router_id = 53
  virtual_addresses = ["fe80::10/64"]
  unicast {
    peer "fe80::2" { checksum = "message" }
  }
}
