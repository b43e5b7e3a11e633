vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  source = "192.0.2.10"
}
vrrp_instance "api" {
  interface         = "eth0"
  virtual_router_id = 52
  virtual_addresses = ["192.0.2.11/24"]
  source = "10.0.0.1"
  unicast {
    source = "10.0.0.2"
    peers  = ["10.0.0.3"]
  }
}
