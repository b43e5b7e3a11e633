vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 256
  priority          = 0
  version           = 4
  virtual_addresses = ["192.0.2.10/24"]
  garp {
    repeat = 1000
  }
}
global {
  realtime_priority = 100
}
