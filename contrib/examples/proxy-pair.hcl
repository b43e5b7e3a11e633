# Two hosts with a proxy of their own, no IPVS. The one whose proxy runs and whose uplink is well has the address. Adverts go straight to the
# other host (unicast), as in clouds without multicast, and BFD finds a dead path within 300 ms. The other host has source, peers and
# neighbor the other way round, and priority = 100.

global {
  script_user = "nobody"
}

vrrp_instance "proxy" {
  interface         = "eth0"
  virtual_router_id = 51
  priority          = 150
  preempt_delay     = "30s" # a host that comes back waits until its proxy is warm
  virtual_addresses = ["192.0.2.10/24"]

  unicast {
    source = "192.0.2.2"
    peers  = ["192.0.2.3"]
  }
  garp {
    refresh = "60s"
  }
  track {
    interfaces = ["eth1"]                     # a fault while it is down
    process "haproxy" { weight = -60 }        # below the other host's priority while it does not run
    script "answers" { weight = -60 }
    bfd "uplink" { weight = -60 }
  }
}

bfd_instance "uplink" {
  neighbor   = "192.0.2.1"
  source     = "192.0.2.2"
  min_rx     = "100ms"
  min_tx     = "100ms"
  multiplier = 3
}

track_process "haproxy" {
  command         = "haproxy"
  terminate_delay = "2s" # a restart does no harm
}

track_script "answers" {
  command  = ["curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1:8080/healthz"]
  interval = "2s"
  timeout  = "1s"
  fall     = 2
}

interface "eth0" {
  down_delay = "500ms" # a link that flaps for a moment
}
