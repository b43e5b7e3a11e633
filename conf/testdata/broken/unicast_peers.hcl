vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  unicast {
    source = "10.0.0.1"
    peers  = ["10.0.0.1", "10.0.0.2", "10.0.0.2", "192.0.2.10", "10.0.0.3/24", "lb2.example.net"]
  }
}
