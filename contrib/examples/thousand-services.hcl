# A thousand services of ten servers each, out of two prefixes: 10.0.0.0/16 outside, 10.1.0.0/16 inside.

dynamic "virtual_server" {
  for_each = range(1000)
  iterator = service
  labels   = ["service-${service.key}"]
  content {
    address   = "${cidrhost("10.0.0.0/16", service.key + 1)}:80"
    scheduler = "wrr"
    check "tcp" {
      interval = "5s"
      timeout  = "1s"
    }
    dynamic "real_server" {
      for_each = range(10)
      labels   = ["${cidrhost("10.1.0.0/16", 16 * service.key + real_server.key + 1)}:8080"]
      content {
        weight = real_server.key + 1
      }
    }
  }
}
