# The default router of a network, over IPv4 and IPv6. Both instances have one number: they are strangers to each other. Needs
# net.ipv4.ip_forward = 1 and net.ipv6.conf.all.forwarding = 1. The other director has priority = 100 in both.

vrrp_instance "lan4" {
  interface         = "eth1"
  virtual_router_id = 61
  priority          = 150
  virtual_addresses = ["192.0.2.1/24"]
}

vrrp_instance "lan6" {
  interface         = "eth1"
  virtual_router_id = 61
  priority          = 150
  virtual_addresses = ["fe80::61/64", "2001:db8:61::1/64"] # a link-local one first, the same on both directors

  router_advertisement {                                   # instead of radvd: hosts keep their router when the master changes
    interval    = "60s"
    dns_servers = ["2001:db8:61::1"]
    prefix "2001:db8:61::/64" {}
  }
}
