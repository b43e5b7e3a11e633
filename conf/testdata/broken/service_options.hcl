virtual_server "shop" {
  address = "192.0.2.10:80"
  protocol   = "icmp"
  scheduler  = "wrrr"
  forward    = "masq"
  on_failure = "keep"
}
