vrrp_instance "web" {
  interface = "eth0";
  priority[2J = 100
  virtual_router_id = ’51’
}
