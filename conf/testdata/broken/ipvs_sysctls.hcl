ipvs {
  sysctls = [1]
}
virtual_server "web" {
  address = "192.0.2.10:80"
  real_server "10.0.0.11:80" {}
}
