virtual_server "shop" {
  address = "192.0.2.10:80"
  load "node_exporters" {}
  load "http" {}
  load "http" {
    header = "X-Load"
    value  = "load"
    metric = "node_load1"
    tls    = "on"
  }
  load "node_exporter" {
    metric    = "node load1"
    policy    = "piranha"
    full_load = 8
  }
  load "tcp" {
    policy    = "square"
    smoothing = 100
  }
  load "file" {
    file      = "load"
    full_load = 0
    floor     = 0
    ceiling   = 99
    rise      = 2
  }
  load "script" { weighted = true }
  check "tcp" {
    full_every = 5
    policy     = "linear"
  }
  check "dns" { full_every = 5 }
  check "http" { full_every = 1 }
  up_when = "most"
  real_server "10.0.0.11:80" {}
}
