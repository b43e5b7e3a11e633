variable "vrrp_pass" {
  default = "hunter2
}
