vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.256/24", "192.0.2.0/24", "192.0.2.255/24", "192.0.2.10/33", "192.0.2.10/", "fe80::1/64", "224.0.0.18/32", "0.0.0.0", "www.example.net", ""]
}
