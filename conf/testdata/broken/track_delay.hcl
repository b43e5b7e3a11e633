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
