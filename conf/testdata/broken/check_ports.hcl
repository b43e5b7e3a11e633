virtual_server "shop" {
  address = "192.0.2.10:80"
  check "tcp" {
    address = "10.0.0.1:80:80"
  }
  check "http" {
    command = ["true"]
  }
  check "script" {
    path    = "/"
    command = ["true\u0000"]
  }
}
