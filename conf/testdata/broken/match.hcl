virtual_server "both" {
  address  = "192.0.2.10:80"
  protocol = "udp"
  family   = "ipv6"
  match {
    addresses = ["192.0.2.11"]
    ports     = ["80"]
  }
}
virtual_server "bare" {
  match {}
}
virtual_server "wrong" {
  match {
    addresses  = ["192.0.2.0/33", "192.0.2.20-10", "192.0.2.1/24", "224.0.0.1", "192.0.2.9:80"]
    ports      = ["http", "0", "90-80"]
    protocols  = ["icmp"]
    interfaces = ["eth 0"]
    sources    = ["2001:db8::/129"]
  }
}
virtual_server "empty" {
  match {
    addresses = ["192.0.2.0/24"]
    ports     = []
  }
}
virtual_server "crossed" {
  match {
    addresses = ["192.0.2.12"]
    ports     = ["80"]
    sources   = ["2001:db8::/32"]
  }
}
virtual_server "m1" {
  fwmark = 7
  match {
    addresses = ["192.0.2.13"]
    ports     = ["80"]
  }
}
virtual_server "m2" {
  fwmark = 7
}
