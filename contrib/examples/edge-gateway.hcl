# A router between two networks, twice: master on both sides or on neither. Hosts keep their ARP entries over a failover (vmac), nobody
# without the key can take the addresses over (hmac), and the master has a route and a rule for what the hosts inside send. The other
# director has priority = 100 in both instances. Needs net.ipv4.ip_forward = 1.

variable "vrrp_secret" {
  description = "32 to 64 bytes, the same on both: GOVRRPD_VAR_vrrp_secret=$(cat /etc/govrrpd/secret)"
  default     = "change me: head -c 32 /dev/urandom"
}

vrrp_sync_group "edge" {
  instances = ["outside", "inside"]
  track {                    # counts for both
    script "uplink" {}       # weight 0: neither takes part while it fails
  }
}

vrrp_instance "outside" {
  interface         = "eth0"
  virtual_router_id = 51
  priority          = 150
  advert_interval   = "200ms"
  virtual_addresses = ["192.0.2.10/24"]
  vmac {}
  hmac {
    active_key = 1
    key "1" { secret = var.vrrp_secret }
  }
  route "0.0.0.0/0" {        # only for the table below
    via   = "192.0.2.1"
    table = 100
  }
  rule {
    from  = "10.0.0.0/16"
    table = 100
  }
}

vrrp_instance "inside" {
  interface         = "eth1"
  virtual_router_id = 52
  priority          = 150
  advert_interval   = "200ms"
  virtual_addresses = ["10.0.0.1/16"]
  vmac {}
  hmac {
    active_key = 1
    key "1" { secret = var.vrrp_secret }
  }
}

track_script "uplink" {
  command  = ["ping", "-c", "1", "-W", "1", "192.0.2.1"]
  interval = "2s"
  timeout  = "2s"
  fall     = 3
  rise     = 2
}
