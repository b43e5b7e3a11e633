virtual_server "shop" {
  address = "192.0.2.10"
}
virtual_server "b" {
  address = "[2001:db8::1]:80"
}
virtual_server "c" {
  address = "192.0.2.10:0"
}
virtual_server "d" {
  address = "192.0.2.10:http"
}
virtual_server "e" {
  address = "2001:db8::1"
}
virtual_server "f" {
  address = "www.example.net:80"
}
virtual_server "g" {
  address = 80
}
