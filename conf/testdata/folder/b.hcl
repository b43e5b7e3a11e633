vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 52
  virtual_addresses = ["192.0.2.11/24"]
}
