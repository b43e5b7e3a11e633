vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  source   = cidrhost("10.0.0.0/24")
  priority = max()
}
virtual_server "shop" {
  address = "${cidrhost("192.0.2.0/24", 300)}:80"
}
