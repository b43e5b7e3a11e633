virtual_server "shop" {
  address = "192.0.2.10:443"
  real_server "10.0.0.11:443" {
    check "https" {
      address  = "10.0.0.11:8443"
      host     = "www.example.net"
      path     = "/healthz?deep=1"
      status   = [200, "301-302"]
      contains = "OK"
      match    = "^\\d+"
      verify   = false
    }
    check "https" {}
  }
}
