variable "vip" {
  description = "the shop's address"
  type        = string
  default     = "192.0.2.10/24"
}

global {
  router_id         = "lb1"
  script_user       = "root"
  realtime_priority = 50
  lock_memory       = true
  flush_on_stop     = true
  ipvs_refresh      = "5s"
}

vrrp_instance "web" {
  interface              = "eth0"
  virtual_router_id      = 51
  priority               = 150
  version                = 3
  advert_interval        = "1s"
  preempt                = false
  higher_priority_advert = false
  checksum               = "message"
  virtual_addresses      = [var.vip, "192.0.2.11/24"]

  virtual_address "192.0.2.12/24" {
    interface  = "eth1"
    label      = "eth1:web"
    advertised = false
  }
  unicast {
    source = "10.0.0.1"
    peers  = ["10.0.0.2"]
  }
  garp {
    repeat  = 3
    delay   = "2s"
    refresh = "60s"
  }
}

virtual_server "shop" {
  address    = "${split("/", var.vip)[0]}:80"
  protocol   = "tcp"
  scheduler  = "wrr"
  forward    = "nat"
  on_failure = "quiesce"

  persistence {
    timeout = "300s"
    prefix  = 24
  }
  check "http" {
    path     = "/healthz"
    status   = ["200-299"]
    interval = "2s"
    timeout  = "1s"
    rise     = 2
    fall     = 4
  }
  sorry_server "10.0.0.99:80" { forward = "dr" }
  real_server "10.0.0.11:8080" { weight = 10 }
  real_server "10.0.0.12:8080" {
    check "tcp" {}
    check "tcp" {
      address  = ":9000"
      interval = "1s"
    }
  }
}
