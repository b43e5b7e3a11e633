VRRP_Instance "web" {
  Interface = "eth0"
}
