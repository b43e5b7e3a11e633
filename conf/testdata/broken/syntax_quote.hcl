vrrp_instance "web" {
  interface = "eth0
}
