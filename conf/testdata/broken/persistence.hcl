virtual_server "shop" {
  address = "192.0.2.10:80"
  persistence {
    prefix = 24
  }
}
virtual_server "b" {
  address = "192.0.2.10:81"
  persistence {
    timeout = "1500ms"
    prefix  = 33
  }
}
virtual_server "c" {
  address = "192.0.2.10:82"
  persistence {
    timeout = "0s"
  }
}
