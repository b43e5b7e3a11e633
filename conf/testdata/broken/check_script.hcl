virtual_server "shop" {
  address = "192.0.2.10:80"
  check "script" {
  }
  check "script" {
    command = "/bin/check -v 10.0.0.11"
  }
  check "script" {
    command = []
  }
  check "script" {
    command = ["./check"]
  }
  check "script" {
    command = ["/nonexistent/check"]
  }
  check "script" {
    command = ["/etc/passwd"]
  }
}
