vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  virtual_addresses = ["192.0.2.10/24"]
}
vrrp_instance "gateway" {
  interface         = "eth1"
  virtual_router_id = 51
  virtual_addresses = ["10.0.0.1/24"]
}
vrrp_instance "own" {
  interface         = "eth2"
  virtual_router_id = 51
  priority          = 255
  virtual_addresses = ["10.0.2.1/24"]
}
vrrp_sync_group "edge" {
  instances      = ["web", "gateway", "web"]
  member_weights = "yes"
}
vrrp_sync_group "again" {
  instances = ["gateway", "own"]
}
vrrp_sync_group "owner" {
  instances = ["own", "gatway"]
}
vrrp_sync_group "lone" {
  instances = ["web"]
}
vrrp_sync_group "empty" {
  instances = []
}
vrrp_sync_group "none" {
  sync_group_tracking_weight = true
}
vrrp_sync_group "none" {
  instances = "web"
}
