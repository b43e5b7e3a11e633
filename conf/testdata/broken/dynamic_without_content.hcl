virtual_server "shop" {
  address = "192.0.2.10:80"
  dynamic "real_server" {
    for_each = ["10.0.0.11:80"]
    labels   = [real_server.value]
  }
  dynamic "real_server" {
    labels = ["10.0.0.12:80"]
    content {
    }
  }
  dynamic "real_server" {
    for_each = 5
    labels = ["10.0.0.12:80"]
    content {
    }
  }
}
