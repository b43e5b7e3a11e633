sync_daemon {
  state     = "master"
  interface = "eth1"
  group     = "ff02::81"
}
sync_daemon {
  state     = "backup"
  interface = "eth1"
}
virtual_server "crosses" {
  address = "192.0.2.10:80"
  forward = "tun"
  real_server "10.0.0.11:80" {}
  real_server "[2001:db8::11]:80" {}
}
virtual_server "both" {
  addresses = ["192.0.2.10:81", "[2001:db8::10]:81"]
  forward   = "tun"
  real_server "10.0.0.11:81" {
    weight = 0
  }
  sorry_server "10.0.0.12:81" {}
}
virtual_server "fine" {
  address = "192.0.2.10:82"
  real_server "10.0.0.11:82" {}
}
