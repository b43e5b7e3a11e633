global {
  startup_delay        = "10"
  delay_after_boot     = "2h"
  multicast_group_ipv4 = "ff02::50"
  multicast_group_ipv6 = "ff05::50"
}

vrrp_instance "host" {
  interface         = "eth0"
  virtual_router_id = 51
  multicast_group   = "192.0.2.18"
  virtual_addresses = ["192.0.2.10/24"]
}

vrrp_instance "peers" {
  interface         = "eth0"
  virtual_router_id = 52
  multicast_group   = "224.0.0.50"
  virtual_addresses = ["192.0.2.11/24"]
  unicast {
    peers = ["10.0.0.2"]
  }
}

vrrp_instance "strict" {
  interface         = "eth0"
  virtual_router_id = 53
  strict            = true
  multicast_group   = "224.0.0.50"
  virtual_addresses = ["192.0.2.12/24"]
}

vrrp_instance "old" {
  interface          = "eth0"
  virtual_router_id  = 54
  version            = 2
  allow_no_addresses = true
}

vrrp_instance "six" {
  interface         = "eth0"
  virtual_router_id = 55
  multicast_group   = "224.0.0.50"
  virtual_addresses = ["fe80::10/64"]
}

vrrp_instance "one" {
  interface         = "eth0"
  virtual_router_id = 56
  multicast_group   = "224.0.0.50"
  virtual_addresses = ["192.0.2.13/24"]
}

vrrp_instance "two" {
  interface         = "eth0"
  virtual_router_id = 56
  multicast_group   = "224.0.0.50"
  virtual_addresses = ["192.0.2.14/24"]
}

vrrp_instance "three" {
  interface         = "eth0"
  virtual_router_id = 56
  multicast_group   = "224.0.0.51"
  virtual_addresses = ["192.0.2.15/24"]
}
