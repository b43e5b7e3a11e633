vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = server.port
  virtual_addresses = ["192.0.2.10/24"]
  source = local.x
}
