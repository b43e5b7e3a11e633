vrrp_instance "base" {
  interface         = "eth0"
  virtual_router_id = 1
  virtual_addresses = ["192.0.2.10/24"]
  vmac { name = "eth0" }
}
vrrp_instance "address" {
  interface         = "eth0"
  virtual_router_id = 2
  virtual_addresses = ["192.0.2.20/24"]
  vmac {
    name    = "a name that is too long"
    address = "01:00:5e:00:00:12"
  }
}
vrrp_instance "bytes" {
  interface         = "eth0"
  virtual_router_id = 3
  virtual_addresses = ["192.0.2.30/24"]
  vmac { address = "00-00-5E" }
}
vrrp_instance "unicast" {
  interface         = "eth0"
  virtual_router_id = 4
  virtual_addresses = ["192.0.2.40/24"]
  vmac {}
  unicast { peers = ["192.0.2.2"] }
}
vrrp_instance "taken" {
  interface         = "eth1"
  virtual_router_id = 4
  virtual_addresses = ["192.0.2.50/24"]
  vmac {}
}
vrrp_instance "long" {
  interface         = "eth0"
  virtual_router_id = 6
  virtual_addresses = ["192.0.2.60/24"]
  virtual_address "198.51.100.60/24" { interface = "management0" }
  vmac { all_interfaces = true }
}
vrrp_instance "words" {
  interface         = "vrrp.6"
  virtual_router_id = 7
  virtual_addresses = ["192.0.2.70/24"]
  vmac { vmac_xmit_base = true }
}
