virtual_server "shop" {
  address = "192.0.2.10:80"
  dynamic "real_server" {
    for_each = ["10.0.0.11"]
    labels   = [real_server.value]
    content {
      wieght = 1
    }
  }
  dynamic "real_sever" {
    for_each = []
    content {
    }
  }
}
