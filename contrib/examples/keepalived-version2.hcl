# Shares a virtual router with a keepalived that says: vrrp_version 2, advert_int 1, auth_type PASS, auth_pass s3cret.
# The password is given from the environment: GOVRRPD_VAR_vrrp_password=s3cret.

variable "vrrp_password" {
  default = "changeme"
}

vrrp_instance "VI_1" {
  interface         = "eth0"
  virtual_router_id = 51
  version           = 2
  priority          = 100
  advert_interval   = "1s"
  preempt           = false # keepalived's nopreempt
  virtual_addresses = ["192.0.2.10/24", "192.0.2.11/24"]

  authentication {
    type     = "pass"
    password = var.vrrp_password
  }
  garp {
    refresh = "60s"
  }
}
