ipvs {
  loop_guard = true
  sysctls    = { backup_only = 0 }
}
virtual_server "web" {
  address = "192.0.2.10:80"
  forward = "dr"
  real_server "127.0.0.1:80" {}
  real_server "10.0.0.11:80" {}
}
