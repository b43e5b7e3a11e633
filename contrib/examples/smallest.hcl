# One address, two web servers. On the other director write priority = 100.

vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  priority          = 150
  virtual_addresses = ["192.0.2.10/24"]
}

virtual_server "web" {
  address = "192.0.2.10:80"
  check "http" { path = "/" }
  real_server "10.0.0.11:80" {}
  real_server "10.0.0.12:80" {}
}
