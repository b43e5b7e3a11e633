vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  preempt_delay = "5s"
  track {
  }
  vmac {
  }
  notify {
  }
}
sync_daemon {
}
virtual_server "shop" {
  address = "192.0.2.10:80"
  addresses = ["192.0.2.10:80"]
}
