virtual_server "shop" {
  address = "192.0.2.10:80"
  real_server "10.0.0.11" {
  }
  real_server "10.0.0.12:99999" {
  }
  real_server "10.0.0.13:80" {
    weight = -1
  }
  real_server "10.0.0.14:80" {
    weight = 65536
  }
  real_server "web1:80" {
  }
}
