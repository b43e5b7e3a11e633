package conf

import "maps"

// translate says what keepalived's, ipvsadm's and ldirectord's word is in block; empty when it is none of theirs.
func translate(name, block string) string {
	if hint, ok := blockTranslations()[block][name]; ok {
		return hint
	}
	return translations()[name]
}

// notifyHint is for what tells others of a change of role.
const notifyHint = "this version starts no program when a role changes: remove it, and follow the log (`virtual router changed role`) or `govrrpd status -o json`"

// blockTranslations are the words that mean something else in one block than elsewhere, or are good keywords elsewhere.
func blockTranslations() map[string]map[string]string {
	return map[string]map[string]string{
		"vrrp_instance": {
			"track_script":  `write a line script "nginx" {} in track { }`,
			"track_file":    `write a line file "load" {} in track { }`,
			"track_process": `write a line process "haproxy" {} in track { }`,
			"weight":        "write weight in a block of track { }",
			"min_ttl":       `write it in peer "10.0.0.2" { }`,
			"max_ttl":       `write it in peer "10.0.0.2" { }`,
		},
		"vrrp_sync_group": {
			"group":           `write instances = ["web", "gateway"]`,
			"track_script":    `write a line script "nginx" {} in track { }`,
			"track_file":      `write a line file "load" {} in track { }`,
			"track_process":   `write a line process "haproxy" {} in track { }`,
			"track_interface": `write interfaces = ["eth1"] in track { }`,
		},
		"track_script":  {"script": `write command = ["/usr/bin/pgrep", "nginx"]`},
		"track_file":    {"file": `write path = "/run/govrrpd/load"`},
		"track_process": {"process": `write command = "haproxy"`, "delay": "write fork_delay or terminate_delay"},
		"rule":          {"preference": "write priority = 1000", "dev": `write iif = "eth0"`, "lookup": "write table = 100"},
		"static_rule":   {"preference": "write priority = 1000", "dev": `write iif = "eth0"`, "lookup": "write table = 100"},
		"route":         {"pref": `write preference = "medium"`},
		"static_route":  {"pref": `write preference = "medium"`},
		"bfd_instance":  {"min_ttl": "write max_hops: a packet that may cross 1 router arrives with TTL 254"},
		"sorry_server": {
			"on_failure":         "write sorry_inhibit = true in virtual_server: it has no checks that could fail",
			"inhibit_on_failure": "write sorry_inhibit = true in virtual_server",
		},
		"unicast": {
			"min_ttl": `write it in peer "10.0.0.2" { }`,
			"max_ttl": `write it in peer "10.0.0.2" { }`,
		},
	}
}

// translations says what keepalived's, ipvsadm's and ldirectord's words are here.
func translations() map[string]string {
	out := map[string]string{}
	for _, words := range []map[string]string{
		instanceWords(), processWords(), announcementWords(), addressWords(), trackingWords(), serviceWords(),
	} {
		maps.Copy(out, words)
	}
	return out
}

// instanceWords are those of instances and their authentication.
func instanceWords() map[string]string {
	return map[string]string{
		"accept_mode":             "write accept = true, which is the default",
		"native_ipv6":             "remove it: an instance is one of IPv6 when its virtual_addresses are",
		"old_unicast_checksum":    `write checksum = "old-unicast" in peer "10.0.0.2" { }`,
		"check_unicast_src":       "remove it: only peers are heard, always",
		"skip_check_adv_addr":     "remove it: adverts that name other addresses are obeyed, and status warns of them",
		"strict_mode":             "write strict = true",
		"timer_expired_backup":    "remove it: a master that was stopped for longer than its timer listens before it speaks, always",
		"unicast_fault_no_peer":   "remove it: a unicast block must name a peer",
		"unicast_ttl":             "write ttl in unicast { }",
		"v3_checksum_as_v2":       `write checksum = "message" in vrrp_instance, or leave it at "auto", which finds out`,
		"vmac_prefix":             "write name in vmac { }",
		"vmac_addr_prefix":        "write name in vmac { }",
		"state":                   "there are no initial states: the priority decides, and preempt = false keeps a master",
		"vrid":                    "write virtual_router_id",
		"advert_int":              `write advert_interval = "1s"`,
		"nopreempt":               "write preempt = false",
		"auth_hmac":               `write hmac { active_key = 1 … }`,
		"auth_type":               `write type = "pass" or type = "ah" in authentication { }`,
		"auth_pass":               "write password = … in authentication { }",
		"unicast_peer":            `write unicast { peers = ["10.0.0.2"] }`,
		"unicast_src_ip":          `write source = "10.0.0.1" in unicast { }`,
		"mcast_dst_ip":            `write multicast_group = "224.0.0.50"`,
		"mcast_src_ip":            `write source = "10.0.0.1"`,
		"lower_prio_no_advert":    "write lower_priority_advert = false",
		"higher_prio_send_advert": "write higher_priority_advert = true, which is the default",
		"no_accept":               "write accept = false",
		"use_vmac":                "write vmac { }",
		"use_vmac_addr":           "write all_interfaces = true in vmac { }",
		"vmac_xmit_base":          "write send_from_base = true in vmac { }",
		"use_ipvlan":              "write vmac { }: an ipvlan has the hardware address of its interface, and what it is used for is done without",
	}
}

// processWords are those of the process, and defaults of instances.
func processWords() map[string]string {
	return map[string]string{
		"debug":                        "remove it, and start govrrpd with --log-level debug where that is meant",
		"enable_script_security":       "remove it: scripts that others than root can change never run as root",
		"linkbeat_use_polling":         "remove it: the kernel tells of each change of a link",
		"net_namespace":                "run govrrpd in the namespace: ip netns exec NAME govrrpd run",
		"notify":                       notifyHint,
		"notify_backup":                notifyHint,
		"notify_fault":                 notifyHint,
		"notify_master":                notifyHint,
		"notify_stop":                  notifyHint,
		"smtp_alert":                   notifyHint,
		"vrrp_iptables":                "remove it: accept = false has a table of nftables of its own",
		"vrrp_nftables":                "remove it: accept = false has a table of nftables of its own",
		"vrrp_strict":                  "write strict = true in vrrp_instance",
		"vrrp_mcast_group4":            `write multicast_group_ipv4 = "224.0.0.50" in global { }`,
		"vrrp_mcast_group6":            `write multicast_group_ipv6 = "ff02::50" in global { }`,
		"vrrp_down_timer_adverts":      "write down_timer_adverts = 3 in vrrp_instance",
		"vrrp_higher_prio_send_advert": "remove it: higher_priority_advert = true in vrrp_instance is the default",
		"vrrp_lower_prio_no_advert":    "write lower_priority_advert = false in vrrp_instance",
		"vrrp_owner_ignore_adverts":    "write owner_ignore_adverts = true in vrrp_instance",
		"vrrp_no_swap":                 "write lock_memory = true",
		"script_security":              "remove it: scripts that others than root can change never run as root",
		"vrrp_startup_delay":           `write startup_delay = "10s"`,
		"vrrp_delay_after_boot":        `write delay_after_boot = "60s"`,
		"vrrp_gna_interval":            `write garp { na_interval = "10ms" } in global { }`,
		"vrrp_version":                 "write version = 2 or 3 in vrrp_instance",
		"global_defs":                  "write global { }",
		"vrrp_rt_priority":             "write realtime_priority",
	}
}

// announcementWords are those of gratuitous ARP.
func announcementWords() map[string]string {
	return map[string]string{
		"garp_master_delay":               `write delay = "5s" in garp { }`,
		"garp_master_repeat":              "write repeat = 5 in garp { }",
		"garp_master_refresh":             `write refresh = "60s" in garp { }`,
		"garp_master_refresh_repeat":      "write refresh_repeat = 1 in garp { }",
		"garp_lower_prio_repeat":          "write lower_priority_repeat = 5 in garp { }",
		"garp_lower_prio_delay":           `write lower_priority_delay = "5s" in garp { }`,
		"garp_extra_if":                   `write extra_interfaces = "60s" in garp { }`,
		"vrrp_garp_master_delay":          `write garp { delay = "5s" } in global { }`,
		"vrrp_garp_master_repeat":         "write garp { repeat = 5 } in global { }",
		"vrrp_garp_master_refresh":        `write garp { refresh = "60s" } in global { }`,
		"vrrp_garp_master_refresh_repeat": "write garp { refresh_repeat = 1 } in global { }",
		"vrrp_garp_lower_prio_repeat":     "write garp { lower_priority_repeat = 5 } in global { }",
		"vrrp_garp_lower_prio_delay":      `write garp { lower_priority_delay = "5s" } in global { }`,
		"vrrp_garp_interval":              `write garp { interval = "10ms" } in global { }`,
		"vrrp_min_garp":                   "write garp { minimal = true } in global { }",
		"vrrp_garp_extra_if":              `write garp { extra_interfaces = "60s" } in global { }`,
		"garp_interval":                   `write interval = "10ms" in garp_group "switch1" { }`,
		"gna_interval":                    `write na_interval = "10ms" in garp_group "switch1" { }`,
	}
}

// addressWords are those of addresses, routes and rules.
func addressWords() map[string]string {
	return map[string]string{
		"virtual_ipaddress_excluded": "write virtual_address \"192.0.2.20/24\" { advertised = false } for each",
		"virtual_ipaddress":          `write virtual_addresses = ["192.0.2.10/24"]`,
		"virtual_ip":                 `write virtual_addresses = ["192.0.2.10/24"]`,
		"vip":                        `write virtual_addresses = ["192.0.2.10/24"]`,
		"virtual_routes":             `write route "10.0.0.0/8" { via = "192.0.2.1" } for each`,
		"virtual_rules":              `write rule { from = "192.0.2.10/32", table = 100 } for each, with a line for each keyword`,
		"static_ipaddress":           `write static_address "192.0.2.20/24" { interface = "eth0" } for each`,
		"static_routes":              `write static_route "10.0.0.0/8" { via = "192.0.2.1" } for each`,
		"static_rules":               `write static_rule { … } for each, with a line for each keyword`,
		"track_group":                `write track = ["web"] in static_address, static_route or static_rule`,
		"no_track":                   "write track = false",
		"brd":                        `write broadcast = "+"`,
		"dev":                        `write interface = "eth0"`,
		"src":                        `write source = "192.0.2.10"`,
		"gw":                         `write via = "192.0.2.1"`,
		"mngtmpaddr":                 "write manage_temporary = true",
		"nodad":                      "remove it, this is the default; dad = true runs the detection",
		"preferred_lft":              `write preferred_lifetime = "3600s"`,
		"no_virtual_ipaddress":       "write allow_no_addresses = true",
	}
}

// trackingWords are those of BFD and of what is tracked.
func trackingWords() map[string]string {
	return map[string]string{
		"track_bfd":                  "write a line bfd \"lb2\" {} in track { }, and bfd_instance \"lb2\" outside",
		"track_src_ip":               "write track_source = true",
		"global_tracking":            "write track { } in vrrp_sync_group, which counts for all of its instances",
		"dont_track_primary":         "write track_primary = false",
		"bfd":                        `write bfd_instance "peer1" { neighbor = "10.0.0.2" }`,
		"neighbor_ip":                `write neighbor = "10.0.0.2"`,
		"source_ip":                  `write source = "10.0.0.1"`,
		"hoplimit":                   "write ttl, which is for both address families",
		"detect_multiplier":          "write multiplier",
		"sync_group_tracking_weight": "write member_weights = true",
		"vrrp_script":                `write track_script "nginx" { command = ["/usr/bin/pgrep", "nginx"] }`,
		"vrrp_track_file":            `write track_file "load" { path = "/run/govrrpd/load" }`,
		"vrrp_track_process":         `write track_process "haproxy" { command = "haproxy" }`,
		"track_interface":            `write track { interfaces = ["eth1"] }`,
		"init_file":                  "write init = 0",
		"param_match":                `write match = "partial" or match = "initial"`,
		"interface_up_down_delays":   `write interface "eth0" { down_delay = "1s" } for each of them`,
	}
}

// serviceWords are those of virtual servers and their checks.
func serviceWords() map[string]string {
	return map[string]string{
		"lvs_sync_daemon":         `write sync_daemon { interface = "eth1", follow = "web", sync_id = 51 }, with a line for each keyword`,
		"syncid":                  "write sync_id = 51",
		"lvs_timeouts":            `write timeouts { tcp = "900s" } in ipvs { }, with a line for each of tcp, tcp_fin and udp`,
		"tcpfin":                  `write tcp_fin = "120s"`,
		"lvs_flush":               "write flush_at_start = true in global { }; ours are not touched by it",
		"lvs_flush_on_stop":       "write flush_on_stop = true in global { }",
		"lb_algo":                 `write scheduler = with the same name, such as "wlc"`,
		"lvs_sched":               `write scheduler = with the same name, such as "wlc"`,
		"algorithm":               `write scheduler = with the same name, such as "wlc"`,
		"lb_kind":                 `write forward = with the same name in small letters: "nat", "dr" or "tun"`,
		"lvs_method":              `write forward = with the same name in small letters: "nat", "dr" or "tun"`,
		"persistence_timeout":     `write persistence { timeout = "300s" }`,
		"persistence_granularity": `write prefix = 24 or netmask = "255.255.255.0" in persistence { }`,
		"persistence_engine":      `write engine = "sip" in persistence { }`,
		"ops":                     "write one_packet = true",
		"hashed":                  "remove it: it does nothing in keepalived either",
		"ip_family":               `write family = "ipv6" beside fwmark`,
		"flag-1":                  `write scheduler_flags = ["sh-fallback"] or ["mh-fallback"]`,
		"flag-2":                  `write scheduler_flags = ["sh-port"] or ["mh-port"]`,
		"sh-port":                 `write scheduler_flags = ["sh-port"]`,
		"sh-fallback":             `write scheduler_flags = ["sh-fallback"]`,
		"mh-port":                 `write scheduler_flags = ["mh-port"]`,
		"mh-fallback":             `write scheduler_flags = ["mh-fallback"]`,
		"uthreshold":              "write upper_threshold = 1000",
		"lthreshold":              "write lower_threshold = 800",
		"tun_type":                `write tunnel { type = "gue" }`,
		"tun_port":                "write port = 6080 in tunnel { }",
		"tun_csum":                `write checksum = "full" in tunnel { }`,
		"tun_nocsum":              `write checksum = "none" in tunnel { }`,
		"tun_remcsum":             `write checksum = "remote" in tunnel { }`,
		"delay_loop":              `write interval = "5s" in check { }`,
		"connect_timeout":         `write timeout = "2s" in check { }`,
		"inhibit_on_failure":      `write on_failure = "quiesce" in virtual_server or real_server`,
		"sorry_server_inhibit":    "write sorry_inhibit = true in virtual_server",
		"retry":                   "write fall = 3: how many probes must fail in a row",
		"TCP_CHECK":               `write check "tcp" { }`,
		"UDP_CHECK":               `write check "udp" { }`,
		"PING_CHECK":              `write check "ping" { }`,
		"DNS_CHECK":               `write check "dns" { query = "www.example.net" }`,
		"SMTP_CHECK":              `write check "smtp" { }`,
		"FILE_CHECK":              `write check "file" { file = "/run/weights/web1" }`,
		"BFD_CHECK":               `write check "bfd" { session = "web1" }`,
		"HTTP_GET":                `write check "http" { path = "/" }`,
		"SSL_GET":                 `write check "https" { path = "/" }`,
		"MISC_CHECK":              `write check "script" { command = ["/path/to/script"] }`,
		"misc_path":               `write command = ["/path/to/script"]`,
		"misc_dynamic":            "write weighted = true",
		"url":                     `write path = "/healthz"`,
		"status_code":             `write status = ["200-299"]`,
		"port":                    `write the port with the address: "10.0.0.11:8080"`,
	}
}
