vrrp_instance "web" {
  interface "eth0"
  priority: 100
}
