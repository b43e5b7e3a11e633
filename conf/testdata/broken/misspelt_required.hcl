vrrp_instance "web" {
  interfaces = "eth0"
  vrid = 51
  virtual_ipaddress = ["192.0.2.10/24"]
}
