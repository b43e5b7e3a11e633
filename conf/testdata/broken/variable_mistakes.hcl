variable "vip" {
}
variable "n" {
  default = "ten"
  type    = number
}
variable "n" {
}
variable "a b" {
  default = 1
}
variable "t" {
  default = 1
  type    = strin
}
variable "d" {
  defualt = 1
}
vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = [var.vip]
  priority = var.n
}
