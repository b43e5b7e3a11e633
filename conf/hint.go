package conf

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// rewordKeyword words what no block has by that name, or has in another form.
func (s *source) rewordKeyword(diag *hcl.Diagnostic) *hcl.Diagnostic {
	switch diag.Summary {
	case "Unsupported argument", "Unsupported block type", "Missing required argument":
	default:
		return nil
	}
	at := *diag.Subject
	name, block := strings.Trim(s.text(at), `"`), s.blockAt(at)
	switch schema, known := schemaOf(block); {
	case diag.Summary == "Missing required argument":
		keyword := argument.FindString(diag.Detail)
		return newProblem(at, fmt.Sprintf("dynamic has no %s", strings.Trim(keyword, `"`)), dynamicHint(keyword))
	case known && schema[name] == "block":
		return newProblem(at, fmt.Sprintf("%s is a block, not a keyword", name), fmt.Sprintf("write %s { … } without the =", name))
	case known && schema[name] == "attribute":
		return newProblem(at, fmt.Sprintf("%s is a keyword, not a block", name), fmt.Sprintf("write %s = …", name))
	default:
		return newProblem(at, "unknown keyword "+quote(name)+within(block), keywordHint(name, block, schema))
	}
}

// argument is the name of a keyword in what HCL says.
var argument = regexp.MustCompile(`"[^"]+"`)

// dynamicHint is for what dynamic blocks must have; all that others must have is found by our own checks.
func dynamicHint(keyword string) string {
	if keyword == `"labels"` {
		return `add labels = ["${real_server.value}:80"], for example: what stands between the quotes of a block that is written out`
	}
	return `add for_each = ["10.0.0.11", "10.0.0.12"], for example: one block is made for each element`
}

func within(block string) string {
	if block == "" {
		return ""
	}
	return " in " + block
}

// keywordHint says what to write instead of a keyword that is not known in block.
func keywordHint(name, block string, schema map[string]string) string {
	if hint, ok := translations()[name]; ok {
		return hint
	}
	if later()[name] {
		return "this version does not support it yet: remove it"
	}
	if hint := suggest(name, keysOf(schema)); hint != "" {
		return strings.TrimSpace(hint)
	}
	switch others := blocksWith(name, block); {
	case len(others) > 0 && others[0] == "":
		return fmt.Sprintf("%s belongs outside of all blocks", name)
	case len(others) > 0:
		return fmt.Sprintf("%s belongs into %s", name, strings.Join(others, " or "))
	}
	return fmt.Sprintf("known here: %s", strings.Join(slices.Sorted(keysOf(schema)), ", "))
}

// blocksWith returns the blocks besides one that know a keyword, at most three.
func blocksWith(name, block string) []string {
	var out []string
	for _, other := range blockNames() {
		if s, _ := schemaOf(other); s[name] != "" && other != block && len(out) < 3 {
			out = append(out, strings.TrimPrefix(other, "a "))
		}
	}
	return out
}

// blockAt is the type of the innermost block around r; that of the blocks it makes for a dynamic one, empty for the top level.
func (s *source) blockAt(r hcl.Range) string {
	f := s.files[r.Filename]
	if f == nil {
		return ""
	}
	block := ""
	for _, b := range f.BlocksAtPos(r.Start) {
		if b.TypeRange.Start.Byte == r.Start.Byte {
			break // the unknown keyword is the type of this very block
		}
		switch {
		case block == "track" && b.Type != "dynamic" && b.Type != "content":
			block = trackerBlock
		case b.Type == "dynamic" && len(b.LabelRanges) == 1 && b.LabelRanges[0].Start.Byte == r.Start.Byte:
			return block
		case b.Type == "content":
		case b.Type == "dynamic" && len(b.Labels) == 1:
			block = b.Labels[0]
		default:
			block = b.Type
		}
	}
	return block
}

// blocks returns the top level blocks of a file.
func (s *source) blocks(name string) hclsyntax.Blocks {
	if f := s.files[name]; f != nil {
		if body, ok := f.Body.(*hclsyntax.Body); ok {
			return body.Blocks
		}
	}
	return nil
}

// rawBlocks are the structs that blocks are decoded into, by block.
func rawBlocks() map[string]any {
	return map[string]any{
		"": rawConfig{}, "variable": rawVariable{}, "global": rawGlobal{}, "vrrp_instance": rawRouter{},
		"virtual_address": rawAddress{}, "unicast": rawUnicast{}, "authentication": rawAuthentication{}, "hmac": rawHMAC{}, "key": rawKey{}, "peer": rawPeer{}, "garp": rawAnnounce{}, "vmac": rawVMAC{},
		"virtual_server": rawService{}, "persistence": rawPersistence{}, "real_server": rawServer{}, "sorry_server": rawSorry{},
		"check": rawCheck{}, "bfd_instance": rawBFD{},
		"interface": rawInterface{}, "track": rawTrack{}, trackerBlock: rawTracker{},
		"track_script": rawTrackScript{}, "track_file": rawTrackFile{}, "track_process": rawTrackProcess{}, "track_route": rawTrackRoute{},
		"route": rawRoute{}, "nexthop": rawHop{}, "encap": rawEncap{}, "rule": rawRule{},
		"static_address": rawAddress{}, "static_route": rawRoute{}, "static_rule": rawRule{},
	}
}

// trackerBlock stands for the blocks in track, which are all alike and some of which have the names of others at the top level.
const trackerBlock = "track block"

func blockNames() []string { return slices.Sorted(keysOf(rawBlocks())) }

// labelsOf is what the quotes after the type of a block hold.
func labelsOf(block string) []string {
	var out []string
	t := reflect.TypeOf(rawBlocks()[block])
	for i := 0; t != nil && i < t.NumField(); i++ {
		if name, isLabel := strings.CutSuffix(t.Field(i).Tag.Get("hcl"), ",label"); isLabel {
			out = append(out, name)
		}
	}
	return out
}

// schemaOf is "attribute" or "block" by keyword.
func schemaOf(block string) (map[string]string, bool) {
	raw, ok := rawBlocks()[block]
	if !ok {
		return nil, false
	}
	out := map[string]string{}
	schema, _ := gohcl.ImpliedBodySchema(reflect.New(reflect.TypeOf(raw)).Interface())
	for _, a := range schema.Attributes {
		out[a.Name] = "attribute"
	}
	for _, b := range schema.Blocks {
		out[b.Type] = "block"
	}
	return out, true
}

// translations says what keepalived's, ipvsadm's and ldirectord's words are here.
func translations() map[string]string {
	return map[string]string{
		"state":                   "there are no initial states: the priority decides, and preempt = false keeps a master",
		"virtual_ipaddress":       `write virtual_addresses = ["192.0.2.10/24"]`,
		"virtual_ip":              `write virtual_addresses = ["192.0.2.10/24"]`,
		"vip":                     `write virtual_addresses = ["192.0.2.10/24"]`,
		"vrid":                    "write virtual_router_id",
		"virtual_routes":          `write route "10.0.0.0/8" { via = "192.0.2.1" } for each`,
		"virtual_rules":           `write rule { from = "192.0.2.10/32", table = 100 } for each, with a line for each keyword`,
		"static_ipaddress":        `write static_address "192.0.2.20/24" { interface = "eth0" } for each`,
		"static_routes":           `write static_route "10.0.0.0/8" { via = "192.0.2.1" } for each`,
		"static_rules":            `write static_rule { … } for each, with a line for each keyword`,
		"track_group":             `write track = ["web"] in static_address, static_route or static_rule`,
		"no_track":                "write track = false",
		"dont_track_primary":      "write track_primary = false",
		"brd":                     `write broadcast = "+"`,
		"dev":                     `write interface = "eth0"`,
		"src":                     `write source = "192.0.2.10"`,
		"gw":                      `write via = "192.0.2.1"`,
		"mngtmpaddr":              "write manage_temporary = true",
		"nodad":                   "remove it, this is the default; dad = true runs the detection",
		"preferred_lft":           `write preferred_lifetime = "3600s"`,
		"preference":              "write priority in rule { }",
		"advert_int":              `write advert_interval = "1s"`,
		"nopreempt":               "write preempt = false",
		"auth_hmac":               `write hmac { active_key = 1 … }`,
		"auth_type":               `write type = "pass" or type = "ah" in authentication { }`,
		"auth_pass":               "write password = … in authentication { }",
		"unicast_peer":            `write unicast { peers = ["10.0.0.2"] }`,
		"unicast_src_ip":          `write source = "10.0.0.1" in unicast { }`,
		"mcast_src_ip":            `write source = "10.0.0.1"`,
		"lower_prio_no_advert":    "write higher_priority_advert = false",
		"garp_master_delay":       `write delay = "5s" in garp { }`,
		"garp_master_repeat":      "write repeat = 5 in garp { }",
		"garp_master_refresh":     `write refresh = "60s" in garp { }`,
		"no_accept":               "write accept = false",
		"use_vmac":                "write vmac { }",
		"use_vmac_addr":           "write all_interfaces = true in vmac { }",
		"vmac_xmit_base":          "write send_from_base = true in vmac { }",
		"use_ipvlan":              "write vmac { }: an ipvlan has the hardware address of its interface, and what it is used for is done without",
		"vrrp_version":            "write version = 2 or 3 in vrrp_instance",
		"global_defs":             "write global { }",
		"vrrp_rt_priority":        "write realtime_priority",
		"lb_algo":                 `write scheduler = with the same name, such as "wlc"`,
		"lvs_sched":               `write scheduler = with the same name, such as "wlc"`,
		"algorithm":               `write scheduler = with the same name, such as "wlc"`,
		"lb_kind":                 `write forward = with the same name in small letters: "nat", "dr" or "tun"`,
		"lvs_method":              `write forward = with the same name in small letters: "nat", "dr" or "tun"`,
		"persistence_timeout":     `write persistence { timeout = "300s" }`,
		"persistence_granularity": "write prefix = 24 in persistence { }",
		"delay_loop":              `write interval = "5s" in check { }`,
		"connect_timeout":         `write timeout = "2s" in check { }`,
		"inhibit_on_failure":      `write on_failure = "quiesce" in virtual_server`,
		"retry":                   "write fall = 3: how many probes must fail in a row",
		"TCP_CHECK":               `write check "tcp" { }`,
		"HTTP_GET":                `write check "http" { path = "/" }`,
		"SSL_GET":                 `write check "https" { path = "/" }`,
		"MISC_CHECK":              `write check "script" { command = ["/path/to/script"] }`,
		"misc_path":               `write command = ["/path/to/script"]`,
		"misc_dynamic":            "write weighted = true",
		"url":                     `write path = "/healthz"`,
		"status_code":             `write status = ["200-299"]`,
		"port":                    `write the port with the address: "10.0.0.11:8080"`,

		"bfd":               `write bfd_instance "peer1" { neighbor = "10.0.0.2" }`,
		"neighbor_ip":       `write neighbor = "10.0.0.2"`,
		"source_ip":         `write source = "10.0.0.1"`,
		"hoplimit":          "write ttl, which is for both address families",
		"min_ttl":           "write max_hops: a packet that may cross 1 router arrives with TTL 254",
		"detect_multiplier": "write multiplier",

		"sync_group_tracking_weight": "write member_weights = true",

		"vrrp_script":              `write track_script "nginx" { command = ["/usr/bin/pgrep", "nginx"] }`,
		"vrrp_track_file":          `write track_file "load" { path = "/run/govrrpd/load" }`,
		"vrrp_track_process":       `write track_process "haproxy" { command = "haproxy" }`,
		"track_interface":          `write track { interfaces = ["eth1"] }`,
		"init_file":                "write init = 0",
		"param_match":              `write match = "partial" or match = "initial"`,
		"interface_up_down_delays": `write interface "eth0" { down_delay = "1s" } for each of them`,
	}
}

// later are the keywords that users know from the project's plan and this version does not have.
func later() map[string]bool {
	out := map[string]bool{}
	for _, name := range strings.Fields("notify " +
		"sync_daemon http addresses fwmark quorum locals") {
		out[name] = true
	}
	return out
}
