vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
}
sync_daemon {
  follow = "wep"
}
sync_daemon {
  state     = "both"
  follow    = "web"
  interface = "eth1"
  sync_id   = 256
  maxlen    = 0
  port      = 0
  ttl       = 256
  group     = "10.0.0.1"
}
