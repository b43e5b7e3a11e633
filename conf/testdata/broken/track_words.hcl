vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  track {
    process "haproxy" { wait = 3 }
    virtual_server {}
    track_script "nginx" {}
    script "nginx" { interval = "2s" }
  }
  track_interface = ["eth1"]
}
vrrp_script "nginx" {
}
