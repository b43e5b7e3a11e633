vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  rule { from = "192.0.2.10/32" }
  rule {
    table  = 100
    action = "blackhole"
  }
  rule {
    from  = "192.0.2.10/32"
    to    = "2001:db8::/32"
    table = 100
  }
  rule {
    family = "ipv6"
    from   = "192.0.2.10/32"
    table  = 100
  }
  rule {
    dport = "80"
    table = 100
  }
  rule {
    ipproto = "tcp"
    dport   = "90-80"
    table   = 100
  }
  rule {
    fwmark = 0
    table  = 100
  }
  rule {
    fwmark = "ten"
    table  = 100
  }
  rule {
    priority = 2000
    goto     = 1000
  }
  rule { goto = 1000 }
  rule {
    action                = "prohibit"
    suppress_prefixlength = 0
  }
  rule {
    table = "mian"
  }
  rule {
    priority = 0
    uidrange = "me"
    table    = 100
  }
}
