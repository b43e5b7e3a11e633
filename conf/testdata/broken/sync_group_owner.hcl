vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
}
vrrp_instance "own" {
  interface         = "eth2"
  virtual_router_id = 51
  priority          = 255
  virtual_addresses = ["10.0.2.1/24"]
}
vrrp_sync_group "edge" {
  instances = ["web", "own", "gatway"]
}
