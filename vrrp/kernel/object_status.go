package kernel

import "github.com/govrrpd/govrrpd/vrrp"

// A HeldObject is a route or a rule of a virtual router, or something static, and whether it is there.
type HeldObject struct {
	Router string `json:"router,omitempty"` // empty for what is static
	Kind   string `json:"kind"`             // "address" (static ones only), "route" or "rule"
	Object string `json:"object"`           // in the words of messages
	Held   bool   `json:"held"`
	Error  string `json:"error,omitempty"` // why it is not held though it should be
}

// A ledgerView is what others see of a ledger without its lock.
type ledgerView struct {
	static  vrrp.Static
	made    map[objectID]bool
	refused map[objectID]string
	absent  []string // errors of static addresses, in their order
	holders map[string]bool
}

// publish makes the present state of routes, rules and static objects visible. The caller holds the lock.
func (l *ledger) publish() {
	if len(l.objects.held) == 0 && len(l.static.Addresses) == 0 {
		l.view.Store(nil)
		return
	}
	v := &ledgerView{static: l.static, made: map[objectID]bool{}, refused: map[objectID]string{}, holders: map[string]bool{}}
	for name, objects := range l.objects.held {
		v.holders[name] = true
		for _, o := range objects {
			id := o.id()
			_, v.made[id] = l.objects.made[id]
			v.refused[id] = l.objects.refused[id]
		}
	}
	for _, w := range staticWants(l.static) {
		v.absent = append(v.absent, l.whyAbsent(w))
	}
	l.view.Store(v)
}

// objects lists routes and rules of the attached routers, held or not, and what is static.
func (h *Host) objects() []HeldObject {
	v := h.ledger.view.Load()
	if v == nil {
		v = &ledgerView{}
	}
	var out []HeldObject
	for i, w := range staticWants(v.static) {
		out = append(out, HeldObject{Kind: "address", Object: w.String(), Held: v.absent[i] == "", Error: v.absent[i]})
	}
	out = v.describe(out, "", staticHolder, staticObjects(v.static))
	for _, r := range h.attached() {
		out = v.describe(out, r.config.Name, r.config.Name, objectsOf(r.config))
	}
	return out
}

func (v *ledgerView) describe(out []HeldObject, router, holder string, objects []object) []HeldObject {
	for _, o := range objects {
		one := HeldObject{Router: router, Kind: "rule", Object: o.String()}
		if o.route != nil {
			one.Kind = "route"
		}
		if id := o.id(); v.holders[holder] {
			one.Held, one.Error = v.made[id], v.refused[id]
		}
		out = append(out, one)
	}
	return out
}
