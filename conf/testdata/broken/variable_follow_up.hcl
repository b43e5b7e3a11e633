variable "servers" {
}
virtual_server "shop" {
  address = "192.0.2.10:80"
  dynamic "real_server" {
    for_each = var.servers
    labels   = [real_server.value]
    content {
      weight = real_server.value.weight
    }
  }
}
