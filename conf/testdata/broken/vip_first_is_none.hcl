vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["fe80::/10", "2001:db8::1/64", "192.0.2.11/24"]
}
