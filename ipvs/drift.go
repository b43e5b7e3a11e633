package ipvs

import (
	"net/netip"
	"slices"
	"time"
)

// driftKept is how many of the last Drifts Status has.
const driftKept = 100

// A Drift is one change of somebody else to a service of ours, with the names of the control socket's JSON.
type Drift struct {
	Service  string         `json:"service"`           // its name, or what the kernel calls something that has none
	Server   netip.AddrPort `json:"server,omitzero"`   // of a change to one server
	Found    string         `json:"found"`             // what the kernel had: "service removed", "server 10.0.0.11:80 nat weight 9"
	Undo     string         `json:"undo"`              // the change that puts it right
	Seen     time.Time      `json:"seen"`              // when the table was read
	Repaired time.Time      `json:"repaired,omitzero"` // when it was put right; zero while it is not

	key Key
}

// found says what of the kernel's entry the change undo puts right.
func (e Entry) found(undo Op) string {
	switch undo.Verb {
	case AddService:
		return "service removed"
	case DeleteService:
		return "service added"
	case EditService:
		return "service " + e.Service.String()
	case AddDest:
		return "server " + undo.Dest.Addr.String() + " removed"
	}
	d, _, _ := e.dest(undo.Dest.Addr)
	if undo.Verb == DeleteDest {
		return "server " + d.String() + " added"
	}
	return "server " + d.String()
}

// A drifts has the last driftKept Drifts, the newest last.
type drifts []Drift

// add notes a change of somebody else.
func (d *drifts) add(one Drift) {
	if len(*d) >= driftKept {
		*d = slices.Delete(*d, 0, len(*d)-driftKept+1)
	}
	*d = append(*d, one)
}

// repaired notes that all of a service is right.
func (d drifts) repaired(k Key, now time.Time) {
	for i := range d {
		if d[i].key == k && d[i].Repaired.IsZero() {
			d[i].Repaired = now
		}
	}
}
