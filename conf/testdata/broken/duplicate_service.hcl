virtual_server "shop" {
  address = "192.0.2.10:80"
}
virtual_server "store" {
  address = "192.0.2.10:80"
  protocol = "tcp"
}
