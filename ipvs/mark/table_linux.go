package mark

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/nftables"

	"github.com/govrrpd/govrrpd/nft"
)

const (
	refresh = 2 * time.Second        // from one look at the table to the next, without a notice of a change
	pause   = 200 * time.Millisecond // after a notice: who changes much is looked at a few times a second
)

// A Table keeps the kernel's table as Configure wants it, for as long as Run runs. Its methods may be called from any goroutine.
type Table struct {
	log *slog.Logger

	mu sync.Mutex
	// guarded by mu:
	rules    []Rule
	wanted   layout
	begun    bool // Configure was called: what an earlier process left is looked after
	built    bool // the kernel's table is, as far as we know, there
	repaired int
	drifts   []Drift // the last driftKept, the newest last
	err      error   // why the kernel's table is not as it shall be
	checked  uint32  // the generation of nftables in which the table was as it shall be; 0 for none
}

// A Status is a snapshot of what a Table keeps, with the names of the control socket's JSON.
type Status struct {
	Marks    []MarkStatus   `json:"marks"`          // in the order of their numbers
	Sources  []SourceStatus `json:"sources"`        // that are replaced (snat), in the order of the services
	Repaired int            `json:"drift_repaired"` // how often somebody's change was put right
	Drifts   []Drift        `json:"drifts"`         // the last 100 of them, the newest last
	Error    string         `json:"error,omitempty"`
}

// A MarkStatus is one mark and how many packets got it since the table was made last.
type MarkStatus struct {
	Mark    uint32 `json:"mark"`
	Packets uint64 `json:"packets"`
}

// A SourceStatus says what the servers of a service see in place of the addresses of its clients of one family.
type SourceStatus struct {
	Service     string `json:"service"`
	Mark        uint32 `json:"mark"`
	Family      string `json:"family"`      // of the clients, "ipv4" or "ipv6"
	From        string `json:"from"`        // "192.0.2.50-192.0.2.60", or "auto" for the address of the interface that leads to the server
	Present     bool   `json:"present"`     // the kernel has the rules for it
	Connections uint64 `json:"connections"` // whose source was replaced since the table was made last
}

// NewTable returns a Table that does nothing before Configure.
func NewTable(log *slog.Logger) *Table { return &Table{log: log} }

// Configure makes rules all that there is to mark, at once and in one transaction. Without rules there is no table; one that an earlier
// process left goes then too. On an error Run tries again.
func (t *Table) Configure(rules []Rule) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.idle() && len(rules) == 0 {
		return nil
	}
	t.rules, t.wanted, t.begun = rules, layoutOf(rules), true
	return t.check(false)
}

// Remove removes the table, and Run keeps it away.
func (t *Table) Remove() error { return t.Configure(nil) }

// check looks whether the table is as it shall be, and if not makes it so. The caller holds mu.
func (t *Table) check(drift bool) error {
	t.err = t.compare(drift)
	return t.err
}

func (t *Table) compare(drift bool) error {
	generation, unknown := nft.Generation() // before the look: what somebody changes meanwhile is looked at again
	if drift && t.built && t.err == nil && unknown == nil && generation == t.checked {
		return nil
	}
	t.checked = 0
	conn, err := nft.Dial()
	if err != nil {
		return err
	}
	if len(t.rules) == 0 {
		return t.clear(conn)
	}
	found := t.wanted.differs(conn)
	if found == "" {
		t.checked = generation
	}
	if drift && t.built && found != "" {
		t.drifted(conn, found, time.Now())
	}
	if found != "" {
		if err := t.wanted.replace(conn); err != nil {
			return fmt.Errorf("nftables table %s: %w", tableName, nft.Refusal(err))
		}
	}
	t.built = true
	t.mended(time.Now())
	return nil
}

// clear removes a table that is there. A kernel without nftables has none.
func (t *Table) clear(conn *nftables.Conn) error {
	tables, err := conn.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil || !slices.ContainsFunc(tables, func(t *nftables.Table) bool { return t.Name == tableName }) {
		t.built = false
		return nil //nolint:nilerr // what cannot be listed was not made by us
	}
	if err := remove(conn); err != nil {
		return fmt.Errorf("nftables table %s: %w", tableName, nft.Refusal(err))
	}
	t.built = false
	return nil
}

// Status returns the newest snapshot.
func (t *Table) Status() Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := Status{Marks: []MarkStatus{}, Sources: []SourceStatus{}, Repaired: t.repaired, Drifts: slices.Clone(t.drifts)}
	if t.err != nil {
		out.Error = t.err.Error()
	}
	packets, connections := map[uint32]uint64{}, map[replaced]uint64{}
	lines := false
	if conn, err := nftables.New(); err == nil && t.built {
		packets, connections = t.wanted.counted(conn)
		lines = t.wanted.hasLines(conn, chainNAT)
	}
	seen := map[replaced]bool{}
	for _, r := range t.rules {
		out.Marks = append(out.Marks, MarkStatus{r.Mark, packets[r.Mark]})
		v6 := r.Addresses[0].First.Is6()
		if k := (replaced{r.Mark, v6}); r.Source.Replaced && !seen[k] {
			seen[k] = true
			n, present := connections[k]
			out.Sources = append(out.Sources, SourceStatus{r.Service, r.Mark, family(v6), r.Source.String(), present && lines, n})
		}
	}
	slices.SortFunc(out.Marks, func(a, b MarkStatus) int { return cmp.Compare(a.Mark, b.Mark) })
	out.Marks = slices.Compact(out.Marks)
	return out
}

// Run looks at the table whenever somebody changes something about nftables, and from time to time, until ctx ends. It leaves the table.
func (t *Table) Run(ctx context.Context) error {
	changed := make(chan struct{}, 1)
	changes, err := nft.Listen()
	if err != nil {
		t.log.Debug("changes of nftables are not heard, and looked for every two seconds", "error", err)
	} else {
		defer changes.Close()
		done := make(chan struct{})
		defer func() { changes.Stop(); <-done }()
		go func() { defer close(done); hear(changes, changed) }()
	}
	ticker := time.NewTicker(refresh)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-ticker.C:
		}
		t.look()
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// idle reports whether there is nothing to mark, and no table. The caller holds mu.
func (t *Table) idle() bool { return t.begun && len(t.rules) == 0 && !t.built && t.err == nil }

// look checks the table and logs what it could not put right, once.
func (t *Table) look() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.idle() {
		return
	}
	before := t.err
	if err := t.check(true); err != nil && (before == nil || before.Error() != err.Error()) {
		t.log.Error("the marks of our services are not as they shall be", "error", err)
	}
}

// hear pokes changed for every change of nftables, until changes are stopped.
func hear(changes *nft.Changes, changed chan<- struct{}) {
	for changes.Wait() == nil {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
}
