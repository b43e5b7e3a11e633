virtual_server "shop" {
  address = "192.0.2.10:80"
  dynamic "real_server" {
    for_each = [11, 300, 301]
    labels   = ["10.0.0.${real_server.value}:80"]
    content {
      weight = real_server.value * 300
    }
  }
}
