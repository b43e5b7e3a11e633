vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = cidrsubnets("10.0.0.0/30", 1, 1, 1)
  source = cidrnetmask("2001:db8::/32")
}
virtual_server "shop" {
  address = cidrsubnet("nonsense", 8, 1)
}
