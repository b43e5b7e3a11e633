vrrp_instance "owner" {
  interface         = "eth0"
  virtual_router_id = 1
  priority          = 255
  accept            = false
  virtual_addresses = ["192.0.2.10/24"]
}
vrrp_instance "word" {
  interface         = "eth0"
  virtual_router_id = 2
  accept            = "no"
  virtual_addresses = ["192.0.2.20/24"]
}
vrrp_instance "keepalived" {
  interface         = "eth0"
  virtual_router_id = 3
  no_accept         = true
  virtual_addresses = ["192.0.2.30/24"]
}
