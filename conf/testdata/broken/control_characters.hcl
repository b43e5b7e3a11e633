vrrp_instance "web" {
  interface = "eth0" /* [31m */ colour = 1
}
