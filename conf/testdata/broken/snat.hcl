virtual_server "word" {
  address = "192.0.2.10:80"
  snat    = "yes"
  real_server "10.0.0.11:80" {}
}
virtual_server "direct" {
  address = "192.0.2.10:81"
  forward = "dr"
  snat    = "auto"
  real_server "10.0.0.11:81" {}
}
virtual_server "empty" {
  address = "192.0.2.10:82"
  snat    = []
  real_server "10.0.0.11:82" {}
}
virtual_server "family" {
  address = "192.0.2.10:83"
  snat    = ["2001:db8::50"]
  real_server "10.0.0.11:83" {}
}
virtual_server "gap" {
  address = "192.0.2.10:84"
  snat    = ["192.0.2.50", "192.0.2.52-192.0.2.60"]
  real_server "10.0.0.11:84" {}
}
virtual_server "marked" {
  fwmark = 7
  snat   = "auto"
  real_server "10.0.0.11:85" {}
}
virtual_server "good" {
  address = "192.0.2.10:86"
  snat    = ["192.0.2.50", "192.0.2.51-192.0.2.60"]
  real_server "10.0.0.11:86" {}
}
ipvs {
  sysctls = { conntrack = 0 }
}
