virtual_server "shop" {
  address    = "192.0.2.10:80"
  on_failure = "inhibit"
  omega      = "yes"
  sorry_server "10.0.0.99:80" { on_failure = "quiesce" }
  real_server "10.0.0.11:80" { on_failure = "quiesced" }
  real_server "10.0.0.12:80" { inhibit_on_failure = true }
  real_server "10.0.0.13:80" { omega = true }
}
