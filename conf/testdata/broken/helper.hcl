virtual_server "word" {
  address = "192.0.2.10:21"
  helper  = "tftp"
  real_server "10.0.0.11:21" {}
}
virtual_server "datagrams" {
  address  = "192.0.2.11:21"
  protocol = "udp"
  helper   = "ftp"
  real_server "10.0.0.11:21" {}
}
virtual_server "direct" {
  address = "192.0.2.12:21"
  helper  = "ftp"
  real_server "10.0.0.11:21" {
    forward = "dr"
  }
}
virtual_server "away" {
  address = "192.0.2.13:21"
  helper  = "ftp"
  snat    = "auto"
  real_server "10.0.0.11:21" {}
}
virtual_server "marked" {
  helper = "ftp"
  match {
    addresses = ["192.0.2.14"]
    ports     = ["2121"]
  }
  real_server "10.0.0.11:21" {}
}
virtual_server "many" {
  addresses = ["192.0.2.15:2121-2128"]
  helper    = "ftp"
  real_server "10.0.0.11:21" {}
}
virtual_server "more" {
  address = "192.0.2.15:21"
  helper  = "ftp"
  real_server "10.0.0.11:21" {}
}
virtual_server "no-helper" {
  address = "192.0.2.16:21"
  real_server "10.0.0.11:21" {}
}
virtual_server "no-persistence" {
  address = "192.0.2.17:21"
  forward = "dr"
  real_server "10.0.0.11:21" {}
}
virtual_server "marked-no-persistence" {
  forward = "tun"
  match {
    addresses = ["192.0.2.18"]
    ports     = ["21", "10000-10100"]
  }
  real_server "10.0.0.11" {}
}
virtual_server "good" {
  address = "192.0.2.19:21"
  helper  = "ftp"
  real_server "10.0.0.11:2121" {}
}
virtual_server "good-direct" {
  address = "192.0.2.20:21"
  forward = "dr"
  persistence { timeout = "300s" }
  real_server "10.0.0.11:21" {}
}
virtual_server "good-marked" {
  match {
    addresses = ["192.0.2.21"]
    ports     = ["21", "10000-10100"]
  }
  persistence { timeout = "300s" }
  real_server "10.0.0.11" {}
}
virtual_server "port" {
  match {
    addresses = ["192.0.2.22"]
    ports     = ["80", "443"]
  }
  persistence { timeout = "300s" }
  real_server "10.0.0.11:80" {}
}
virtual_server "good-port" {
  match {
    addresses = ["192.0.2.23"]
    ports     = ["80"]
  }
  persistence { timeout = "300s" }
  real_server "10.0.0.11:80" {}
}
