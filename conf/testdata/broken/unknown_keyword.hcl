vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  virtual_router_idd = 51
  colour = "red"
  advert_intervall = "1s"
}
