variable "a" {
  default = "hunter2"
  tpye = string
}
variable "b" {
  default = {
    key = "hunter2"
  wrong = 1 / 0 }
}
vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
  version = 2
  authentication {
    type = "pass"
    password = "${var.a}${var.b.key}"
  }
}
