vrrp_instance "web" {
  interface = "ethü"
  ü = 1
}
