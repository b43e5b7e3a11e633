vrrp_instance VI_1 {
    authentication {
        auth_type PASS
        auth_pass not4you
        auth_pass "not4you"
        auth_pass 1111
    }
}
