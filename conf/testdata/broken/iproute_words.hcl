vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  virtual_address "192.0.2.19/24" {
    nodad = true
    brd   = "+"
  }
  route "10.9.0.0/16" {
    via = "192.0.2.1"
    src = "192.0.2.10"
  }
  rule {
    preference = 100
    lookup     = "main"
  }
  virtual_routes {}
  dont_track_primary = true
}
