variable "vip" {
  default = "192.0.2.10/24"
}

virtual_server "shop" {
  address = "${trimsuffix(var.vip, "/24")}:80"
}
