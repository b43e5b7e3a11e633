vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  rule {
    from  = "192.0.2.10"
    table = 0
  }
  route "10.0.0.0/8" {
    via      = "192.0.2.1"
    table    = "0"
    protocol = 0
  }
}
