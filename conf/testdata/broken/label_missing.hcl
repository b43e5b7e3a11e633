vrrp_instance {
}
