! Configuration File for keepalived
global_defs {
  router_id lb1
}
