vrrp_instance "four" {
  interface         = "eth0"
  virtual_router_id = 1
  virtual_addresses = ["192.0.2.10/24"]
  router_advertisement {}
}
vrrp_instance "six" {
  interface         = "eth0"
  virtual_router_id = 1
  virtual_addresses = ["fe80::1:0/64"]
  router_advertisement {
    interval     = "1h"
    min_interval = "500s"
    lifetime     = "1m"
    preference   = "highest"
    hop_limit    = 256
    mtu          = 1000
    dns_servers  = ["192.0.2.53", "resolver", "fe80::53"]
    dns_search   = ["example net"]
    prefix "2001:db8::/48" {}
    prefix "2001:db8::1/64" {}
    prefix "fe80::/64" {}
    prefix "192.0.2.0/24" {}
    prefix "2001:db8::" {}
    prefix "2001:db8:1::/64" {
      valid_lifetime     = "1h"
      preferred_lifetime = "2h"
    }
  }
}
