vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  advert_interval = "5ms"
}
vrrp_instance "api" {
  interface         = "eth0"
  virtual_router_id = 52
  virtual_addresses = ["192.0.2.11/24"]
  advert_interval = "15ms"
}
vrrp_instance "dns" {
  interface         = "eth0"
  virtual_router_id = 53
  virtual_addresses = ["192.0.2.12/24"]
  advert_interval = "1m"
}
