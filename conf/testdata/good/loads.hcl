virtual_server "shop" {
  address = "192.0.2.10:80"
  up_when = "any"
  check "http" { full_every = 10 }
  load "node_exporter" { address = ":9100" }
  real_server "10.0.0.11:80" { weight = 100 }
  real_server "10.0.0.12:80" {
    weight  = 3
    up_when = "all"
    check "tcp" {}
    load "https" {
      value     = "load"
      full_load = 0.5
      smoothing = 0
      floor     = 1
      ceiling   = 1000
      step      = 1000
      interval  = "1s"
      timeout   = "500ms"
      fall      = 1
    }
    load "http" {
      header = "X-Load"
      policy = "piranha"
    }
    load "tcp" {
      send   = "load\n"
      policy = "percent"
    }
    load "script" {
      command = ["true", server.ip]
      policy  = "weight"
    }
    load "file" { file = "/run/loads/${server.ip}" }
  }
}
