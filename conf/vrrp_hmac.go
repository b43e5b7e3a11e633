package conf

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/govrrpd/govrrpd/vrrp"
)

// rawHMAC is the hmac block.
type rawHMAC struct {
	Place      hcl.Range      `hcl:",def_range"`
	ActiveKey  *hcl.Attribute `hcl:"active_key,optional"`
	Mode       *hcl.Attribute `hcl:"mode,optional"`
	AntiReplay *hcl.Attribute `hcl:"anti_replay,optional"`
	Window     *hcl.Attribute `hcl:"time_window,optional"`
	Keys       []rawKey       `hcl:"key,block"`
}

// rawKey is a key block.
type rawKey struct {
	ID      string         `hcl:"id,label"`
	IDRange hcl.Range      `hcl:"id,label_range"`
	File    *hcl.Attribute `hcl:"file,optional"`
	Secret  *hcl.Attribute `hcl:"secret,optional"`
	Hex     *hcl.Attribute `hcl:"hex,optional"`
}

// routerHMAC reads the hmac block.
func (d *decoder) routerHMAC(r *router) {
	raw := r.raw.HMAC
	if raw == nil {
		return
	}
	if r.raw.Auth != nil {
		d.problem(r.raw.Auth.Place, "authentication and hmac exclude each other", "remove authentication { }: hmac replaces it, in version 2 too")
	}
	h := &vrrp.HMAC{Window: vrrp.HMACWindowFor(r.AdvertInterval)}
	choice(d, raw.Mode, []string{"enforce", "permissive", "receive-only"},
		[]vrrp.HMACMode{vrrp.HMACEnforce, vrrp.HMACPermissive, vrrp.HMACReceiveOnly}, &h.Mode)
	choice(d, raw.AntiReplay, []string{"time", "monotonic"}, []vrrp.AntiReplay{vrrp.ReplayTime, vrrp.ReplayMonotonic}, &h.AntiReplay)
	d.duration(raw.Window, span{low: vrrp.MinHMACWindow, high: vrrp.MaxHMACWindow}, &h.Window)
	if h.AntiReplay == vrrp.ReplayMonotonic && d.given(raw.Window) {
		d.problem(raw.Window.Expr.Range(), "time_window has no meaning with anti_replay = \"monotonic\"", "remove it, or write anti_replay = \"time\"")
	}
	d.hmacKeys(h, raw.Keys)
	d.activeKey(h, r)
	r.HMAC = h
}

// activeKey reads which key signs. A fleet whose key is missing must not go on without.
func (d *decoder) activeKey(h *vrrp.HMAC, r *router) {
	raw, active := r.raw.HMAC, 0
	if !d.required(raw.ActiveKey, raw.Place, "hmac in "+r.name, "active_key", "1, the number of the key to sign with") ||
		!d.number(raw.ActiveKey, 1, 255, "", &active) || active == 0 {
		return
	}
	h.ActiveKey = uint8(active)
	if !slices.ContainsFunc(raw.Keys, func(k rawKey) bool { return k.ID == strconv.Itoa(active) }) {
		d.problem(raw.ActiveKey.Expr.Range(), fmt.Sprintf("active_key is %d, and there is no key of that number", active),
			fmt.Sprintf(`add key "%d" { file = "/etc/govrrpd/key%d" }, or write the number of a key that is there`, active, active))
	}
}

func (d *decoder) hmacKeys(h *vrrp.HMAC, raw []rawKey) {
	for i, k := range raw {
		id, err := strconv.ParseUint(k.ID, 10, 8)
		switch {
		case err != nil || id == 0 || strconv.FormatUint(id, 10) != k.ID:
			d.problem(k.IDRange, fmt.Sprintf("the number %s of a key is not 1 to 255", quote(k.ID)), `write key "1" { … }, for example, with the same number on all routers of the address`)
		case slices.ContainsFunc(raw[:i], func(other rawKey) bool { return other.ID == k.ID }):
			d.problem(k.IDRange, fmt.Sprintf("key %s is defined twice", k.ID), "remove one, or give it another number")
		}
		if secret, ok := d.hmacKey(&k); ok {
			h.Keys = append(h.Keys, vrrp.HMACKey{ID: uint8(id), Secret: secret})
		}
	}
}

// hmacKey reads the one of the three forms that is there.
func (d *decoder) hmacKey(k *rawKey) (vrrp.Secret, bool) {
	var forms []*hcl.Attribute
	for _, a := range []*hcl.Attribute{k.File, k.Secret, k.Hex} {
		if d.given(a) {
			forms = append(forms, a)
		}
	}
	if len(forms) != 1 {
		d.problem(k.IDRange, fmt.Sprintf("key %s has %d of file, secret and hex, want one", quote(k.ID), len(forms)),
			fmt.Sprintf(`write key %s { file = "/etc/govrrpd/key1" }, for example`, quote(k.ID)))
		return nil, false
	}
	a := forms[0]
	var secret []byte
	var ok bool
	switch a {
	case k.File:
		secret, ok = d.keyFile(a)
	case k.Hex:
		secret, ok = d.hexKey(a)
	default:
		var text string
		var set bool
		text, set, ok = d.secret(a)
		secret, ok = []byte(text), set && ok
	}
	return secret, ok && d.keyLength(a, secret)
}

const keyHint = "make one on one router with: head -c 32 /dev/urandom | xxd -p -c 64; and copy it to all routers of the address"

func (d *decoder) keyLength(a *hcl.Attribute, secret []byte) bool {
	if n := len(secret); n < vrrp.MinHMACKey || n > vrrp.MaxHMACKey {
		d.problem(a.Expr.Range(), fmt.Sprintf("the key has %d bytes, want %d to %d", n, vrrp.MinHMACKey, vrrp.MaxHMACKey), keyHint)
		return false
	}
	return true
}

func (d *decoder) hexKey(a *hcl.Attribute) ([]byte, bool) {
	text, set, ok := d.secret(a)
	if !set || !ok {
		return nil, false
	}
	secret, err := hex.DecodeString(text)
	if err != nil { // which would quote it
		d.problem(a.Expr.Range(), "hex is not an even number of hexadecimal digits", keyHint)
	}
	return secret, err == nil
}

// keyFile reads a key as keepalived does: text, or "hex:" and digits, and a newline that editors put at the end.
func (d *decoder) keyFile(a *hcl.Attribute) ([]byte, bool) {
	path := ""
	if !d.text(a, "/etc/govrrpd/key1", &path) || path == "" {
		return nil, false
	}
	b, mode, err := readAtMost(path, maxKeyFile)
	if err != nil {
		d.problem(a.Expr.Range(), fmt.Sprintf("key file %s %s", quote(path), cause(err)), keyHint)
		return nil, false
	}
	if mode.Perm()&0o077 != 0 {
		d.warn(a.Expr.Range(), fmt.Sprintf("key file %s can be read by others than its owner (mode %04o)", quote(path), mode.Perm()), "chmod 600 "+path)
	}
	text := strings.TrimRight(string(b), "\r\n")
	digits, isHex := strings.CutPrefix(text, "hex:")
	if !isHex {
		return []byte(text), true
	}
	secret, err := hex.DecodeString(digits)
	if err != nil {
		d.problem(a.Expr.Range(), fmt.Sprintf("key file %s has no even number of hexadecimal digits after hex:", quote(path)), keyHint)
	}
	return secret, err == nil
}

// maxKeyFile is more than a key of the longest kind takes in hexadecimal digits, in bytes.
const maxKeyFile = 1024
