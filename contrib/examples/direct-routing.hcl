# Direct routing: answers go from the real servers straight to the clients. Each real server has 192.0.2.10/32 on lo, and
# net.ipv4.conf.all.arp_ignore = 1 and net.ipv4.conf.all.arp_announce = 2, so that only the director answers ARP for it.

vrrp_instance "dns" {
  interface         = "eth0"
  virtual_router_id = 53
  priority          = 150
  virtual_addresses = ["192.0.2.10/24"]
}

dynamic "virtual_server" { # tcp and udp alike
  for_each = ["tcp", "udp"]
  iterator = protocol
  labels   = ["dns-${protocol.value}"]
  content {
    address   = "192.0.2.10:53"
    protocol  = protocol.value
    scheduler = "wrr"
    forward   = "dr" # the port of the real servers is the same then

    check "script" {
      command  = ["dig", "+short", "+time=1", "+tries=1", "@${server.ip}", "example.net"]
      interval = "2s"
      timeout  = "2s"
    }
    real_server "192.0.2.21:53" {}
    real_server "192.0.2.22:53" {}
  }
}
