vrrp_instance web {
    state MASTER
    interface eth0
    virtual_router_id 51
    advert_int 1
    virtual_ipaddress {
        192.0.2.10/24
    }
}
