vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  unicast {
    peers = ["10.0.0.2", "10.0.0.3"]
  }
}
vrrp_instance "api" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.11/24"]
  unicast {
    peers = ["10.0.0.3"]
  }
}

# Adverts for this one come over eth2, too, where the next one hears all that there is for the VRID.
vrrp_instance "two-ways" {
  interface         = "eth1"
  virtual_router_id = 54
  virtual_addresses = ["10.0.1.10/24"]

  unicast {
    peer "10.0.1.2" {
      path "10.0.2.2" { interface = "eth2" }
    }
  }
}

vrrp_instance "in-its-way" {
  interface         = "eth2"
  virtual_router_id = 54
  virtual_addresses = ["10.0.2.10/24"]
}

# The group of the RFC is no other one because it is named.
vrrp_instance "unnamed" {
  interface         = "eth3"
  virtual_router_id = 55
  virtual_addresses = ["10.0.3.10/24"]
}

vrrp_instance "named" {
  interface         = "eth3"
  virtual_router_id = 55
  multicast_group   = "224.0.0.18"
  virtual_addresses = ["10.0.3.11/24"]
}
