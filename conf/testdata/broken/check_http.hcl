virtual_server "shop" {
  address = "192.0.2.10:80"
  check "http" {
    path     = "healthz"
    host     = "http://example.net/"
    status   = ["200-299", "OK", "700", "300-200"]
    match    = "(["
    contains = ""
  }
}
