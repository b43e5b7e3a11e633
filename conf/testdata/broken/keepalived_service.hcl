virtual_server 192.0.2.10 443 {
  delay_loop 6
}
