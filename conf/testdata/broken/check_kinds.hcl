virtual_server "shop" {
  address = "192.0.2.10:80"
  check "htpp" {
  }
  check "quake" {
  }
  check "tcp" {
    path = "/"
  }
  check "http" {
    verify = false
  }
  check "script" {
    command = ["true"]
    address = "10.0.0.1:80"
  }
}
