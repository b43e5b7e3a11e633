vrrp_instance "delayed" {
  interface            = "eth0"
  virtual_router_id    = 51
  preempt              = false
  preempt_delay        = "5s"
  down_timer_adverts   = 0
  owner_ignore_adverts = true
  interval_mismatch    = "alive"
  track_source         = true
  virtual_addresses    = ["192.0.2.10/24"]
}

vrrp_instance "owner" {
  interface         = "eth0"
  virtual_router_id = 52
  priority          = 255
  preempt_delay     = "20m"
  interval_mismatch = "drop"
  virtual_addresses = ["192.0.2.11/24"]
}

vrrp_instance "strict" {
  interface              = "eth0"
  virtual_router_id      = 53
  strict                 = true
  preempt_delay          = "5s"
  down_timer_adverts     = 4
  lower_priority_advert  = false
  higher_priority_advert = true
  checksum               = "pseudo-header"
  virtual_addresses      = ["192.0.2.12/24"]
  unicast {
    ttl = 300
    peer "10.0.0.2" {
      min_ttl = 254
      max_ttl = 1
    }
    peer "10.0.0.2" {}
    peer "lb2" {}
  }
}

vrrp_instance "nobody" {
  interface         = "eth0"
  virtual_router_id = 54
  virtual_addresses = ["192.0.2.13/24"]
  unicast {}
}
