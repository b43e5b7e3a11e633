global {
  vrrp_down_timer_adverts   = 4
  vrrp_lower_prio_no_advert = true
  v3_checksum_as_v2         = true
  vmac_prefix               = "v"
}
vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  min_ttl           = 255
}
