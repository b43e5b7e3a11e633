vrrp_instance "web" {
  interface         = "an-interface-name"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
}
