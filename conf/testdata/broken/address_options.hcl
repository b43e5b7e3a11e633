static_address "2001:db8::10/64" {
  interface = "eth0"
  broadcast = "+"
}
static_address "2001:db8::11/64" {
  interface = "eth0"
  scope     = "link"
}
static_address "10.0.0.5/24" {}
static_address "10.0.0.6/24" {
  interface  = "eth0"
  advertised = false
  track      = ["webb"]
}
static_route "10.1.0.0/16" {
  via   = "10.0.0.1"
  track = false
}
vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  on_address_lost   = "stepdown"
  virtual_addresses = ["192.0.2.10/24"]
  virtual_address "192.0.2.11/24" { label = "web" }
  virtual_address "192.0.2.12/24" { dad = true }
  virtual_address "192.0.2.13/24" { broadcast = "*" }
  virtual_address "192.0.2.14/32" { broadcast = "+" }
  virtual_address "192.0.2.15/24" { peer = "2001:db8::1" }
  virtual_address "192.0.2.16/24" { autojoin = true }
  virtual_address "192.0.2.17/24" { preferred_lifetime = "1.5s" }
  virtual_address "192.0.2.18/24" { scope = "wide" }
  virtual_address "192.0.2.20/24" { metric = 0 }
}
