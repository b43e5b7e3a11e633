virtual_server "shop" {
  address = "192.0.2.10:80"
  forward = "dr"
  real_server "10.0.0.11:8080" {
  }
  sorry_server "10.0.0.99:8080" {
    forward = "tun"
  }
}
