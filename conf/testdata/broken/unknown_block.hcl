vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  unicst {
    peers = ["10.0.0.2"]
  }
}
virtual_sever "shop" {
}
