vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  strict            = true
  hmac {
    active_key = 1
    mode       = "permissive"
    key "1" { secret = "hunter2-hunter2-hunter2-hunter2-" }
  }
}
