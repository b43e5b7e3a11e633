vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  track {
    interfaces = ["eth2"]
  }
}
vrrp_instance "gateway" {
  interface         = "eth1"
  virtual_router_id = 52
  virtual_addresses = ["10.0.0.1/24"]
}
vrrp_sync_group "edge" {
  instances = ["web", "gateway"]
  track {
    interfaces = ["eth2"]
    script "none" {}
  }
}
