bfd_instance "empty" {}

bfd_instance "ranges" {
  neighbor   = "10.0.0.2"
  min_rx     = "0s"
  min_tx     = "2m"
  idle_tx    = "100ms"
  multiplier = 0
}

bfd_instance "units" {
  neighbor = "10.0.0.3"
  min_rx   = 10
  min_tx   = "1000001ns"
}

bfd_instance "families" {
  neighbor = "10.0.0.4"
  source   = "2001:db8::1"
}

bfd_instance "itself" {
  neighbor = "10.0.0.5"
  source   = "10.0.0.5"
}

bfd_instance "group" {
  neighbor = "224.0.0.18"
}

bfd_instance "name" {
  neighbor = "lb2.example.net"
}

bfd_instance "zone" {
  neighbor = "fe80::1%eth0"
}

bfd_instance "where" {
  neighbor = "fe80::1"
}

bfd_instance "hops" {
  neighbor = "10.0.0.6"
  max_hops = 3
  ttl      = 64
}

bfd_instance "link" {
  neighbor  = "10.0.0.7"
  multihop  = true
  interface = "eth0"
  max_hops  = 255
}

bfd_instance "first" {
  neighbor = "10.0.0.8"
}

bfd_instance "words" {
  neighbor_ip = "10.0.0.9"
  hoplimit    = 64
}

bfd_instance "first" {
  neighbor = "10.0.0.10"
}

bfd "peer" {
  neighbor = "10.0.0.11"
}

vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
}
