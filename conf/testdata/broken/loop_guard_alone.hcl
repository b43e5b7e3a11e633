ipvs {
  loop_guard = true
}
virtual_server "web" {
  address = "192.0.2.10:80"
  real_server "127.0.0.1:80" {}
}
