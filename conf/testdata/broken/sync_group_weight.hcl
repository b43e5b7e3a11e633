track_file "load" { path = "/run/load" }
vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  track {
    file "load" { weight = -10 }
  }
}
vrrp_instance "gw" {
  interface         = "eth0"
  virtual_router_id = 52
  virtual_addresses = ["192.0.2.20/24"]
}
vrrp_sync_group "edge" { instances = ["web", "gw"] }
