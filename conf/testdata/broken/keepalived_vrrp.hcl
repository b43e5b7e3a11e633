vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  accept_mode          = true
  lower_prio_no_advert = true
  notify_master        = "/bin/true"
  track_script         = "nginx"
  strict_mode          = true
  unicast {
    peer    = ["10.0.0.2"]
    min_ttl = 255
  }
  rule { preference = 100 }
}
vrrp_sync_group "edge" {
  group = ["web", "gateway"]
}
bfd_instance "lb2" {
  neighbor = "10.0.0.2"
  min_rx   = 50
  idle_tx  = 1000
}
track_script "nginx" { script = "/usr/bin/pgrep nginx" }
track_file "load" { file = "/run/load" }
track_process "haproxy" { process = "haproxy" }
