virtual_server "a" {
  address         = "192.0.2.10:80"
  scheduler_flags = ["mh-port"]
}
virtual_server "b" {
  address         = "192.0.2.10:81"
  scheduler       = "sh"
  scheduler_flags = ["mh-fallback", "sh-prot"]
  one_packet      = true
}
virtual_server "c" {
  address  = "192.0.2.10:82"
  protocol = "sctp"
  persistence {
    timeout = "60s"
    prefix  = 24
    netmask = "255.255.255.0"
    engine  = "sip"
  }
}
virtual_server "d" {
  address = "[2001:db8::10]:80"
  persistence {
    timeout = "60s"
    netmask = "255.255.255.0"
  }
}
virtual_server "e" {
  address = "[2001:db8::10]:81"
  persistence {
    timeout = "60s"
    prefix  = 129
  }
}
virtual_server "f" {
  address = "192.0.2.10:83"
  persistence {
    timeout = "60s"
    netmask = "0.0.0.0"
    engine  = "ftp"
  }
}
virtual_server "g" {
  address = "192.0.2.10:84"
  ops     = true
}
