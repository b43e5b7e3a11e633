virtual_server_group "edge" {
  addresses = ["192.0.2.10-20:80", "192.0.2.15:80"]
}
virtual_server_group "empty" {
  addresses = []
}
virtual_server_group "bare" {}
virtual_server "shop" {
  group = "edge"
  real_server "10.0.0.11:80" {}
}
virtual_server "store" {
  addresses = ["192.0.2.8/29:80"]
}
virtual_server "lost" {
  group = "egde"
}
virtual_server "none" {
  group = "empty"
}
virtual_server "bare" {
  group = "bare"
}
virtual_server "both" {
  address   = "192.0.2.40:80"
  addresses = ["192.0.2.41:80"]
  group     = "edge"
}
virtual_server "ranges" {
  addresses = [
    "192.0.2.60-50:80", "192.0.2.60-300:80", "192.0.2.60-2001:db8::1:80", "192.0.2.60/28:80", "192.0.2.60/33:80",
    "192.0.2.70:90-80", "192.0.2.70:0-80", "192.0.2.70:http", "192.0.2.70", "2001:db8::1", "www.example.net:80", "192.0.2.70:0",
    "0.0.0.0/8:80", "224.0.0.1-9:80", "[fe80::1-9]:80",
  ]
}
virtual_server "large" {
  addresses = ["2001:db8::/64:443"]
}
virtual_server "larger" {
  addresses = ["198.51.100.0/24:1-200", "198.51.100.0/24:201-300"]
}
virtual_server "families" {
  addresses = ["192.0.2.80:80", "[2001:db8::80]:80"]
  persistence {
    timeout = "300s"
    prefix  = 24
  }
  real_server "10.0.0.11:80" {}
}
virtual_server "ports" {
  addresses = ["192.0.2.81:80", "192.0.2.81:443"]
  forward   = "dr"
  real_server "10.0.0.11:80" {}
  real_server "10.0.0.12" {}
}
