vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
}
sync_daemon {
  interface = "eth1"
}
sync_daemon {
  state     = "slave"
  follow    = "web"
  interface = "eth1"
  group     = 8
}
