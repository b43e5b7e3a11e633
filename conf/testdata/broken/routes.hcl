vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  route "0.0.0.0/0" {}
  route "10.0.0.0/33" { via = "192.0.2.1" }
  route "10.0.0.1/8" { via = "192.0.2.1" }
  route "10.1.0.0/16" {
    type = "blackhole"
    via  = "192.0.2.1"
  }
  route "10.2.0.0/16" {
    via   = "192.0.2.1"
    scope = "worldwide"
  }
  route "10.3.0.0/16" {
    via   = "192.0.2.1"
    table = "nowhere"
  }
  route "10.4.0.0/16" {
    via = "192.0.2.1"
    nexthop { via = "192.0.2.2" }
  }
  route "10.5.0.0/16" {
    nexthop { weight = 2 }
    nexthop {
      via    = "192.0.2.2"
      weight = 300
    }
  }
  route "10.6.0.0/16" {
    via    = "192.0.2.1"
    onlink = true
  }
  route "2001:db8::/32" { via = "192.0.2.1" }
  route "2001:db8:1::/48" { via = "fe80::1" }
  route "2001:db8:2::/48" {
    via = "2001:db8::1"
    tos = 16
  }
  route "10.7.0.0/16" {
    via        = "192.0.2.1"
    preference = "high"
    source     = "2001:db8::10"
  }
  route "10.8.0.0/16" {
    via  = "192.0.2.1"
    mtu  = 20
    rtt  = "0.5ms"
    lock = ["advmss"]
  }
  route "10.10.0.0/16" {
    via = "192.0.2.1"
    encap "gre" {}
  }
  route "10.11.0.0/16" {
    via = "192.0.2.1"
    encap "mpls" { ttl = 3 }
  }
  route "10.12.0.0/16" {
    interface = "tun0"
    encap "ip" {
      destination = "fc00::1"
      segments    = ["fc00::1"]
    }
  }
}
