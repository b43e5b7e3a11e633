package conf

import (
	"bufio"
	"bytes"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/govrrpd/govrrpd/vrrp"
)

// A nameKind is one of the lists by which iproute2 gives names to numbers.
type nameKind struct {
	file    string // within iproute2's folders; *.conf of the folder of that name with .d too
	what    string // as messages call it
	low     uint32 // the smallest number
	high    uint32 // the largest number
	builtin map[string]uint32
}

func tableNames() nameKind {
	return nameKind{"rt_tables", "a routing table", 1, 1<<32 - 1, map[string]uint32{"main": 254, "local": 255, "default": 253}}
}

func scopeNames() nameKind {
	return nameKind{"rt_scopes", "a scope", 0, 255, map[string]uint32{"global": 0, "site": 200, "link": 253, "host": 254}}
}

func dsNames() nameKind { return nameKind{"rt_dsfield", "a type of service", 0, 255, nil} }

func realmNames() nameKind { return nameKind{"rt_realms", "a realm", 0, 1<<16 - 1, nil} }

func protocolNames() nameKind {
	return nameKind{"rt_protos", "a routing protocol", 1, 255, map[string]uint32{"boot": 3, "static": 4, "keepalived": 18}}
}

func groupNames() nameKind {
	return nameKind{"group", "a group of interfaces", 0, 1<<31 - 1, map[string]uint32{"default": 0}}
}

// iprouteFolders are where iproute2 looks; the first wins.
func iprouteFolders() []string {
	return []string{"/etc/iproute2", "/usr/share/iproute2", "/usr/lib/iproute2"}
}

// lookup finds the number of a name.
func (k nameKind) lookup(name string) (uint32, bool) {
	for _, folder := range iprouteFolders() {
		more, _ := filepath.Glob(filepath.Join(folder, k.file+".d", "*.conf"))
		for _, path := range append([]string{filepath.Join(folder, k.file)}, more...) {
			text, err := os.ReadFile(path)
			if err != nil {
				continue // it need not be there
			}
			if v, ok := findName(text, name); ok {
				return v, true
			}
		}
	}
	v, ok := k.builtin[name]
	return v, ok
}

// findName reads lines of a number and a name; # begins a comment.
func findName(text []byte, name string) (uint32, bool) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(line)
		if len(words) == 2 && words[1] == name {
			v, err := strconv.ParseUint(words[0], 0, 32)
			return uint32(v), err == nil
		}
	}
	return 0, false
}

// named reads a number, or a name that iproute2 knows.
func (d *decoder) named(a *hcl.Attribute, k nameKind, into *uint32) bool {
	v, set, ok := d.value(a)
	if !set || !ok {
		return ok
	}
	switch v.Type() {
	case cty.Number:
		if n, accuracy := v.AsBigFloat().Uint64(); accuracy == big.Exact && n >= uint64(k.low) && n <= uint64(k.high) {
			*into = uint32(n)
			return true
		}
	case cty.String:
		return d.parseNamed(a.Name, v.AsString(), a.Expr.Range(), k, into)
	}
	d.problem(a.Expr.Range(), fmt.Sprintf("%s is %s, want a number from %d to %d or a name", a.Name, shown(v), k.low, k.high),
		fmt.Sprintf("write %s = %d, for example", a.Name, min(k.high, 100)))
	return false
}

func (d *decoder) parseNamed(what, text string, at hcl.Range, k nameKind, into *uint32) bool {
	if n, err := strconv.ParseUint(text, 0, 32); err == nil && n >= uint64(k.low) && n <= uint64(k.high) {
		*into = uint32(n)
		return true
	}
	n, found := k.lookup(text)
	if !found {
		known := slices.Sorted(keysOf(k.builtin))
		hint := fmt.Sprintf("write a number from %d to %d, or name it in /etc/iproute2/%s on every director", k.low, k.high, k.file)
		if len(known) > 0 {
			hint += "; always known: " + strings.Join(known, ", ")
		}
		d.problem(at, fmt.Sprintf("%s %s is not the name of %s on this host", what, quote(text), k.what), suggest(text, slices.Values(known))+hint)
		return false
	}
	*into = n
	return true
}

// small reads a number of one byte, or its name.
func (d *decoder) small(a *hcl.Attribute, k nameKind, into *uint8) bool {
	v := uint32(*into)
	ok := d.named(a, k, &v)
	*into = uint8(v)
	return ok
}

func (d *decoder) optionalSmall(a *hcl.Attribute, k nameKind, into *vrrp.Optional[uint8]) {
	v := uint8(0)
	if d.given(a) && d.small(a, k, &v) {
		*into = vrrp.Some(v)
	}
}

// uint32 reads a number of 32 bits.
func (d *decoder) uint32(a *hcl.Attribute, low, high uint32, into *uint32) bool {
	n := int(*into)
	if !d.given(a) {
		return true
	}
	ok := d.number(a, int(low), int(high), "", &n)
	*into = uint32(n)
	return ok
}

// realms reads "to" or "from/to".
func (d *decoder) realms(a *hcl.Attribute, into *uint32) {
	text := ""
	if a == nil || !d.text(a, "2/3", &text) || text == "" {
		return
	}
	source, dest, both := strings.Cut(text, "/")
	if !both {
		source, dest = "0", text
	}
	var from, to uint32
	if d.parseNamed(a.Name, source, a.Expr.Range(), realmNames(), &from) && d.parseNamed(a.Name, dest, a.Expr.Range(), realmNames(), &to) {
		*into = from<<16 | to
	}
}
