vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = [for i in range(1, 301) : cidrhost("10.0.0.0/16", i)]
}
