global {
  panic_threshold = "100%"
  sorry_server "10.0.0.99" { forward = "dsr" }
}

virtual_server "shop" {
  address         = "192.0.2.10:80"
  reentry_delay   = "500ms"
  panic_threshold = 50
  keep_last       = true
  sorry_server "10.0.0.98:80" {}
  slow_start {
    duration = 60
    ramp     = "exponential"
  }
  flap_damping {
    count  = 1
    window = "0s"
    hold   = "2d"
  }
  real_server "10.0.0.11:80" {}
  real_server "10.0.0.12:80" {}
}

virtual_server "hash" {
  address      = "192.0.2.11:80"
  scheduler    = "mh"
  panic_window = "10s"
  slow_start {
    duration = "60s"
  }
  real_server "10.0.0.11:80" { slow_start = "60s" }
}

virtual_server "plain" {
  address         = "192.0.2.12:80"
  scheduler       = "rr"
  panic_threshold = "50%"
  no_sorry_server = true
  slow_start {}
  sorry_server "10.0.0.98:80" {}
  real_server "10.0.0.11:80" {}
}
