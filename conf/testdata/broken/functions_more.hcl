vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = cidrsubnets("10.0.0.0/8", 40)
  source = cidrsubnet("10.0.0.0/8", -1, 0)
  advert_interval = cidrnetmask(1, 2)
  checksum = nope::f()
}
virtual_server "shop" {
  address = cidrsubnets("10.0.0.0/30", 3)[0]
}
