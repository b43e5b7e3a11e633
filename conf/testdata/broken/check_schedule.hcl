virtual_server "shop" {
  address = "192.0.2.10:80"
  check "tcp" {
    interval = "1s"
    timeout  = "5s"
  }
  check "tcp" {
    interval = "1ms"
    rise     = 0
    fall     = "three"
  }
}
