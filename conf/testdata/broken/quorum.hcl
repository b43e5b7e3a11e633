virtual_server "never" {
  address    = "192.0.2.10:80"
  quorum     = 2
  hysteresis = 1
  real_server "10.0.0.11:80" {}
  real_server "10.0.0.12:80" {}
}
virtual_server "servers" {
  address   = "192.0.2.10:81"
  quorum    = 3
  quorum_of = "servers"
  real_server "10.0.0.11:80" { weight = 10 }
  real_server "10.0.0.12:80" { weight = 10 }
}
virtual_server "always" {
  address    = "192.0.2.10:82"
  hysteresis = 1
  quorum_of  = "weights"
}
virtual_server "mixed" {
  address       = "192.0.2.10:83"
  quorum        = "60%"
  hysteresis    = 10
  sorry_inhibit = true
}
virtual_server "percent" {
  address    = "192.0.2.10:84"
  quorum     = "160%"
  alpha      = "maybe"
}
virtual_server "fraction" {
  address = "192.0.2.10:85"
  quorum  = 1.5
}
virtual_server "words" {
  address    = "192.0.2.10:86"
  quorum     = "half"
  hysteresis = -1
}
