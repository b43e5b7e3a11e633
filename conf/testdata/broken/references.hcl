vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  priority = var.prio
  advert_interval = var.intervall
  source = eth0
}
variable "interval" {
  default = "1s"
}
virtual_server "shop" {
  address = cidrhosts("192.0.2.0/24", 10)
}
