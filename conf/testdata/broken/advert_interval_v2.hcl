vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  version         = 2
  advert_interval = "500ms"
}
vrrp_instance "api" {
  interface         = "eth0"
  virtual_router_id = 52
  virtual_addresses = ["192.0.2.11/24"]
  version         = 2
  advert_interval = "1.5s"
}
