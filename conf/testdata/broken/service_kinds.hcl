virtual_server "both" {
  address = "192.0.2.10:80"
  fwmark  = 80
}
virtual_server "mark" {
  fwmark   = 0
  family   = "inet6"
  protocol = "tcp"
}
virtual_server "family" {
  address = "192.0.2.10:81"
  family  = "ipv4"
}
virtual_server "m1" {
  fwmark = 7
}
virtual_server "m2" {
  fwmark = 7
}
virtual_server "m3" {
  fwmark = 7
  family = "ipv6"
  real_server "2001:db8::1" {
    check "tcp" {}
  }
  real_server "10.0.0.11" {}
}
virtual_server "marked" {
  fwmark  = 8
  forward = "dr"
  real_server "10.0.0.11:80" {}
}
virtual_server "all" {
  address = "192.0.2.10:0"
  real_server "10.0.0.11:0" {}
}
virtual_server "mixed" {
  address = "192.0.2.10:82"
  real_server "[2001:db8::11]:82" {}
  sorry_server "[2001:db8::12]:82" { forward = "dr" }
}
virtual_server "six" {
  address = "[2001:db8::10]:80"
  real_server "[fe80::1]:80" {}
  real_server "[2001:db8::zz]:80" {}
  real_server "10.0.0.11:80" { forward = "dr" }
}
virtual_server "scoped" {
  address = "[2001:db8::10]:0"
}
