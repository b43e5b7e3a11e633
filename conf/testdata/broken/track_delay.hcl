vrrp_instance "fast" {
  interface         = "eth0"
  virtual_router_id = 51
  advert_interval   = "100ms"
  virtual_addresses = ["192.0.2.10/24"]
}
interface "eth0" {
  down_delay = "200ms"
  up_delay   = "30s"
}
track_script "unused" {
  command = ["/bin/sh"]
}
vrrp_instance "patient" {
  interface          = "eth1"
  virtual_router_id  = 51
  advert_interval    = "100ms"
  down_timer_adverts = 6
  virtual_addresses  = ["192.0.2.11/24"]
}
interface "eth1" {
  down_delay = "499ms"
}
vrrp_instance "nervous" {
  interface          = "eth2"
  virtual_router_id  = 51
  down_timer_adverts = 1
  virtual_addresses  = ["192.0.2.12/24"]
}
interface "eth2" {
  down_delay = "1ms"
}
