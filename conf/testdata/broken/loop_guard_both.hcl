ipvs {
  sysctls    = { backup_only = 1 }
  loop_guard = "yes"
}
sync_daemon {
  state     = "both"
  interface = "eth1"
}
virtual_server "web" {
  address = "192.0.2.10:80"
  real_server "10.0.0.11:80" {}
}
