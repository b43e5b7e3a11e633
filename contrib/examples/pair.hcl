# Both directors of a pair read this file; only the variables differ:
#
#   lb1: govrrpd run -c pair.hcl --var priority=150 --var address=10.0.0.1 --var peer=10.0.0.2
#   lb2: govrrpd run -c pair.hcl --var priority=100 --var address=10.0.0.2 --var peer=10.0.0.1

variable "priority" {
  type    = number
  default = 100
}

variable "address" {
  description = "of this director"
  default     = "10.0.0.1"
}

variable "peer" {
  description = "address of the other director"
  default     = "10.0.0.2"
}

variable "vip" {
  default = "192.0.2.10/24"
}

global {
  script_user       = "nobody"
  realtime_priority = 50 # adverts every 100 ms go out in time on a busy host, too
  lock_memory       = true
}

vrrp_instance "shop" {
  interface         = "eth0"
  virtual_router_id = 51
  priority          = var.priority
  advert_interval   = "100ms" # the other director takes over within half a second
  virtual_addresses = [var.vip]

  unicast {
    source = var.address
    peers  = [var.peer]
  }
}

virtual_server "shop" {
  address    = "${split("/", var.vip)[0]}:443"
  scheduler  = "wlc"
  forward    = "nat"
  on_failure = "quiesce" # downloads may end

  persistence {
    timeout = "300s"
  }
  check "https" {
    path     = "/healthz"
    host     = "shop.example.net"
    interval = "2s"
    timeout  = "1s"
    fall     = 2
  }
  sorry_server "10.0.0.99:443" {}
  real_server "10.0.0.11:443" { weight = 10 }
  real_server "10.0.0.12:443" { weight = 10 }
  real_server "10.0.0.13:443" { weight = 5 }
}
