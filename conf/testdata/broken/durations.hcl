vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  advert_interval = "1"
  garp {
    delay   = "5 s"
    refresh = "10ms"
  }
}
global {
  ipvs_refresh = "2h"
}
