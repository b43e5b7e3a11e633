vrrp_instance "web" {
  authentication {
    password = "hunter2
  }
}
