virtual_server "shop" {
  address = "192.0.2.10:80"
  dynamic "real_server" {
    for_each = ["10.0.0.11:80"]
    content {
    }
  }
  dynamic "real_server" {
    for_each = ["10.0.0.11:80"]
    labels   = [real_server.valu]
    content {
      weight = real_server.value.weight
    }
  }
}
