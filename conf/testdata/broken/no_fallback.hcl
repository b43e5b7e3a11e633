virtual_server "maglev" {
  address         = "192.0.2.10:80"
  scheduler       = "mh"
  scheduler_flags = ["mh-port"]
  real_server "10.0.0.11:80" {}
}
virtual_server "hash" {
  address   = "192.0.2.10:81"
  scheduler = "sh"
  real_server "10.0.0.11:81" {}
  real_server "10.0.0.12:81" {
    on_failure = "quiesce"
  }
}
virtual_server "bounded" {
  address         = "192.0.2.10:82"
  scheduler       = "sh"
  upper_threshold = 10
  real_server "10.0.0.11:82" {}
}
virtual_server "standing" {
  address    = "192.0.2.10:83"
  scheduler  = "sh"
  on_failure = "quiesce"
  real_server "10.0.0.11:83" {
    weight     = 0
    on_failure = "remove"
  }
}
virtual_server "strict" {
  address    = "192.0.2.10:84"
  scheduler  = "sh"
  on_failure = "quiesce"
  real_server "10.0.0.11:84" {
    on_failure = "remove"
  }
}
virtual_server "fine" {
  address         = "192.0.2.10:85"
  scheduler       = "mh"
  scheduler_flags = ["mh-fallback"]
  real_server "10.0.0.11:85" {}
}
virtual_server "misspelt" {
  address         = "192.0.2.10:86"
  scheduler       = "mh"
  scheduler_flags = ["mh-falback"]
  real_server "10.0.0.11:86" {}
}
