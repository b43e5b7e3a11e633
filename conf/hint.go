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
		return newProblem(at, fmt.Sprintf("%s is a block, not a keyword", name), fmt.Sprintf("write %s without the =", blockForm(name, block)))
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
	if hint := translate(name, block); hint != "" {
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

// blocksWith returns the blocks besides one that know a keyword, at most five.
func blocksWith(name, block string) []string {
	var out []string
	for _, other := range blockNames() {
		if s, _ := schemaOf(other); s[name] != "" && other != block && len(out) < 5 {
			out = append(out, strings.TrimPrefix(other, "a "))
		}
	}
	return out
}

// blockAt is the type of the innermost block around r; that of the blocks it makes for a dynamic one, empty for the top level.
func (s *source) blockAt(r hcl.Range) string {
	block := ""
	for _, b := range s.blocksAt(r) {
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
		"": rawConfig{}, "variable": rawVariable{}, "global": rawGlobal{}, "vrrp_instance": rawRouter{}, "vrrp_sync_group": rawSyncGroup{},
		"router_advertisement": rawAdvertisement{}, "prefix": rawPrefix{},
		"virtual_address": rawAddress{}, "unicast": rawUnicast{}, "authentication": rawAuthentication{}, "hmac": rawHMAC{}, "key": rawKey{}, "peer": rawPeer{}, "path": rawPath{}, "garp": rawAnnounce{}, "garp_group": rawPace{}, "vmac": rawVMAC{},
		"virtual_server": rawService{}, "virtual_server_group": rawServiceGroup{}, "match": rawMatch{}, "persistence": rawPersistence{}, "real_server": rawServer{}, "sorry_server": rawSorry{}, "tunnel": rawTunnel{}, "slow_start": rawSlowStart{}, "flap_damping": rawFlap{},
		"check": rawCheck{}, "load": rawLoad{}, "bfd_instance": rawBFD{}, "ipvs": rawIPVS{}, "timeouts": rawTimeouts{}, "sync_daemon": rawSyncDaemon{},
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

// later are the keywords that users know from the project's plan and this version does not have.
func later() map[string]bool {
	out := map[string]bool{}
	for _, name := range strings.Fields("notify " +
		"http locals") {
		out[name] = true
	}
	return out
}
