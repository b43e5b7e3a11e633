vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  hmac {
    active_key = 1
    key "1" { secrt = "hunter2 hunter2 hunter2 hunter2 hunter2" }
  }
}
