vrrp_instance "a" "b" {
}
