vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  virtual_address "192.0.2.11/24" {
    interface = "eth0/1"
    label     = "eth0:a-label-that-is-too-long"
    advertise = true
  }
}
