vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  state = "MASTER"
  advert_int = 1
  nopreempt = true
  auth_pass = "hunter2"
  unicast_peer {
  }
}
virtual_server "shop" {
  address = "192.0.2.10:80"
  lb_algo = "rr"
  lb_kind = "NAT"
  persistence_timeout = 300
  delay_loop = 6
  TCP_CHECK {
  }
}
global_defs {
}
