vrrp_instance "web" {
}
virtual_server "shop" {
  persistence {
  }
}
