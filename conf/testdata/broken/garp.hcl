global {
  garp {
    repeat   = 0
    interval = "1us"
  }
}

garp_group "switch1" {
  interfaces = ["eth0", "eth0"]
  interval   = "10s1ms"
}

garp_group "switch1" {
  interfaces = ["eth0", "no/name"]
}

vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  verify_addresses  = "10ms"
  garp {
    repeat               = 3
    minimal              = true
    refresh_repeat       = 2
    lower_priority_delay = "-1s"
    extra_interfaces     = "500ms"
    garp_lower_prio_repeat = 1
  }
}

vrrp_instance "mail" {
  interface         = "eth0"
  virtual_router_id = 52
  virtual_addresses = ["192.0.2.20/24"]
}
