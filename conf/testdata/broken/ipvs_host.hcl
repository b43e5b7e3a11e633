ipvs {
  restore_on_exit = "maybe"
  sysctls = {
    conntrak           = 1
    "net.ipv4.vs.sync_ports" = 2
    cache_bypass       = "on"
    "a b"              = 1
  }
  timeouts {
    tcp     = "0s"
    tcp_fin = "1500ms"
    udp     = 60
  }
}
virtual_server "web" {
  address = "192.0.2.10:80"
  real_server "10.0.0.11:80" {}
}
