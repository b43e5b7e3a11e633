variable "version" {
}
vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  version         = var.version
  advert_interval = "60s"
  authentication {
    type     = "pass"
    password = "hunter2"
  }
}
vrrp_instance "api" {
  interface         = "eth0"
  virtual_router_id = 52
  virtual_addresses = ["192.0.2.11/24"]
  unicast {
    peers = ["lb2"]
  }
}
vrrp_instance "dns" {
  interface         = "eth0"
  virtual_router_id = 52
  virtual_addresses = ["192.0.2.12/24"]
}
vrrp_instance "ntp" {
  interface         = "eth0"
  virtual_router_id = 53
  dynamic "virtual_address" {
    for_each = var.nothing
    labels   = [virtual_address.value]
    content {
    }
  }
}
virtual_server "a" {
  address  = "192.0.2.10:80"
  protocol = "icmp"
}
virtual_server "b" {
  address = "192.0.2.10:80"
}
