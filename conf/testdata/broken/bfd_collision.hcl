bfd_instance "first" {
  neighbor = "10.0.0.8"
}

bfd_instance "second" {
  neighbor  = "10.0.0.8"
  interface = "eth0"
}

bfd_instance "far" {
  neighbor = "10.0.0.8"
  multihop = true
}

vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
}
