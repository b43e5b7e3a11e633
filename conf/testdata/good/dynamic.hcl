variable "shops" {
  default = {
    "10.0.0.11" = { port = 8080, weight = 10 }
    "10.0.0.12" = { port = 8081, weight = 20 }
  }
}

dynamic "virtual_server" {
  for_each = cidrsubnets("10.1.0.0/16", 8, 8)
  iterator = net
  labels   = ["dns-${net.key}"]
  content {
    address  = "${cidrhost("192.0.2.16/28", 4 + net.key)}:53"
    protocol = "udp"
    forward  = net.key < 2 ? "dr" : "nat"

    check "script" {
      command  = ["true", server.ip, server.port, "dns-${net.key}"]
      weighted = true
    }
    dynamic "real_server" {
      for_each = [for i in range(1, 3) : cidrhost(net.value, i)]
      labels   = [format("%s:%d", real_server.value, 53)]
      content {
        weight = real_server.key + 1
      }
    }
  }
}

virtual_server "shop" {
  address = "192.0.2.10:80"
  dynamic "real_server" {
    for_each = var.shops
    labels   = ["${real_server.key}:${real_server.value.port}"]
    content {
      weight = real_server.value.weight
      check "tcp" { address = "${server.ip}:9000" }
    }
  }
}
