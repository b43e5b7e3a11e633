virtual_server "web" {
  address = "192.0.2.10:80"
  real_server "10.0.0.11:8080" {}
  sorry_server "127.0.0.1:8080" {}
}
virtual_server "six" {
  address = "[2001:db8::10]:80"
  real_server "[::1]:8080" {}
}

# These are fine.
virtual_server "direct" {
  address = "192.0.2.10:81"
  forward = "dr"
  real_server "127.0.0.1:81" {}
}
virtual_server "own" {
  address = "127.0.0.1:80"
  real_server "127.0.0.1:8080" {}
}

# A mistake, so that there is something to report.
virtual_server "mistake" {
  address = "192.0.2.10:82"
  forward = "dr"
  real_server "127.0.0.1:83" {}
}
