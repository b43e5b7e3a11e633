package mark

import (
	"slices"
	"time"

	"github.com/google/nftables"
)

// driftKept is how many of the last Drifts Status has.
const driftKept = 100

// A Drift is one change of somebody else to our table, with the names of the control socket's JSON.
type Drift struct {
	Found    string    `json:"found"`             // what was wrong: "table govrrpd_lvs removed", "the rules of chain output changed"
	Seen     time.Time `json:"seen"`              // when that was found
	Repaired time.Time `json:"repaired,omitzero"` // when it was put right; zero while it is not
}

// drifted notes that the table is not as it was left, what is the first thing that differs. The caller holds mu.
func (t *Table) drifted(conn *nftables.Conn, what string, now time.Time) {
	if n := len(t.drifts); n > 0 && t.drifts[n-1].Repaired.IsZero() {
		return // the same, tried again
	}
	found := what + " changed"
	tables, err := conn.ListTablesOfFamily(nftables.TableFamilyINet)
	if err == nil && !slices.ContainsFunc(tables, func(t *nftables.Table) bool { return t.Name == tableName }) {
		found = "table " + tableName + " removed"
	}
	if len(t.drifts) >= driftKept {
		t.drifts = slices.Delete(t.drifts, 0, len(t.drifts)-driftKept+1)
	}
	t.drifts = append(t.drifts, Drift{Found: found, Seen: now})
	t.log.Warn("somebody changed the marks of our services", "table", tableName, "found", found)
}

// mended notes that the table is right again. The caller holds mu.
func (t *Table) mended(now time.Time) {
	if n := len(t.drifts); n > 0 && t.drifts[n-1].Repaired.IsZero() {
		t.drifts[n-1].Repaired = now
		t.repaired++
	}
}
