vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  advert_interval   = "1s"
  virtual_addresses = ["192.0.2.10/24"]
}
track_script "slow" {
  command  = ["/bin/sh"]
  interval = "1s"
  timeout  = "2s"
  user     = "no-such-user"
  weight   = 254
}
track_script "missing" {
}
track_script "line" {
  command = "/usr/bin/pgrep nginx"
}
track_script "absent" {
  command = ["/no/such/script"]
}
track_script "passive" {
  command = ["/etc/passwd"]
  rise    = 0
}
track_file "relative" {
  path      = "load"
  overwrite = true
}
track_file "big" {
  path   = "/run/load"
  init   = 3000000000
  weight = 255
}
track_process "many" {
  command    = "haproxy"
  quorum     = 5
  quorum_max = 2
}
track_process "odd" {
  command         = "haproxy"
  arguments       = ["-f"]
  match           = "name"
  terminate_delay = "2h"
}
track_process "unnamed" {
  match = "fuzzy"
}
track_route "bits" {
  prefix = "10.0.0.1/8"
  table  = 0
}
track_route "mixed" {
  prefix = "2001:db8::/32"
  via    = "192.0.2.1"
}
track_route "text" {
  prefix    = "everywhere"
  via       = "gateway"
  interface = "much-too-long-name"
}
interface "eth0" {
  down_delay = "2s"
  up_delay   = "300s"
}
interface "eth0" {
}
interface "eth/1" {
}
