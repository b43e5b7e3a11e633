virtual_server "a" {
  address         = "192.0.2.10:80"
  lower_threshold = 10
  real_server "10.0.0.11:80" {
    upper_threshold = 70000
  }
  real_server "10.0.0.12:80" {
    upper_threshold = 10
    lower_threshold = 20
  }
  real_server "10.0.0.13:80" {
    tunnel { type = "gre" }
  }
  sorry_server "10.0.0.14:80" {
    lower_threshold = 5
    uthreshold      = 5
  }
}
virtual_server "b" {
  address = "192.0.2.10:81"
  forward = "tun"
  tunnel {
    type = "gue"
  }
  real_server "10.0.0.11:81" {
    tunnel {
      type = "gre"
      port = 6080
    }
  }
  real_server "10.0.0.12:81" {
    tunnel {
      type     = "gre"
      checksum = "remote"
    }
  }
  real_server "10.0.0.13:81" {
    tunnel {
      type     = "ipip"
      checksum = "full"
    }
  }
  real_server "10.0.0.14:81" {
    tunnel {
      port = 6080
    }
  }
  real_server "10.0.0.15:81" {
    tunnel {
      type = "vxlan"
      port = 0
    }
  }
  real_server "10.0.0.16:81" {
    tunnel {
      type     = "gue"
      port     = 0
      checksum = "yes"
    }
  }
}
