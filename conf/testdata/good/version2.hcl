variable "secret" {}

vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  version           = 2
  priority          = 255
  advert_interval   = "3s"
  source            = "192.0.2.10"
  virtual_addresses = ["192.0.2.10/24"]
  authentication {
    type     = "pass"
    password = var.secret
  }
  garp {
    delay = "0s"
  }
}

# Two routers of one VRID on one interface, told apart by their peers.
vrrp_instance "one" {
  interface         = "eth1"
  virtual_router_id = 51
  advert_interval   = "10ms"
  virtual_addresses = ["192.0.2.10/24"]
  unicast {
    peers = ["10.0.0.2"]
  }
}

vrrp_instance "two" {
  interface         = "eth1"
  virtual_router_id = 51
  advert_interval   = "40.95s"
  virtual_addresses = ["192.0.2.11/24"]
  unicast {
    peers = ["10.0.0.3"]
  }
}
