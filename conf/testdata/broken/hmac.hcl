vrrp_instance "active" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  hmac {
    active_key  = 2
    mode        = "permissve"
    anti_replay = "monotonic"
    time_window = "10s"
    key "1" { secret = "hunter2-hunter2-hunter2-hunter2-" }
  }
}

vrrp_instance "keys" {
  interface         = "eth0"
  virtual_router_id = 52
  virtual_addresses = ["192.0.2.11/24"]
  hmac {
    time_window = "10m"
    key "1" { secret = "hunter2" }
    key "1" { hex = "68756e746572326" }
    key "0" { hex = 12345678 }
    key "256" { secret = "hunter2-hunter2-hunter2-hunter2-hunter2-hunter2-hunter2-hunter2-hunter2-" }
    key "3" {
      secret = "hunter2-hunter2-hunter2-hunter2-"
      file   = "/etc/govrrpd/key3"
    }
    key "4" {}
    key "5" { file = "no/such/file" }
    key "6" { file = "." }
  }
}

vrrp_instance "both" {
  interface         = "eth0"
  virtual_router_id = 53
  version           = 2
  virtual_addresses = ["192.0.2.12/24"]
  authentication {
    type     = "pass"
    password = "hunter2"
  }
  hmac {
    active_key = 1
    key "1" { hex = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff" }
  }
  auth_hmac {}
}
