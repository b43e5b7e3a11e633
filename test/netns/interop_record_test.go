//go:build netns

package netns_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// figuresFile is where the interop matrix leaves its figures, for `make interop`.
var figuresFile = flag.String("figures", "", "file for the table of the interop matrix, in Markdown")

// A record has the figures of all cells of a matrix.
type record struct {
	mu      sync.Mutex
	columns []string                            // guarded by mu; in the order in which they came
	rows    map[string]map[string]time.Duration // guarded by mu; by cell and column
}

// newRecord returns an empty record, which is written when t and its subtests have ended.
func newRecord(t *testing.T) *record {
	r := &record{rows: map[string]map[string]time.Duration{}}
	t.Cleanup(func() {
		if *figuresFile == "" || t.Failed() {
			return
		}
		if err := os.WriteFile(*figuresFile, []byte(r.markdown()), 0o644); err != nil {
			t.Error(err)
		}
	})
	return r
}

// of returns what takes the figures of one cell.
func (r *record) of(cell string) func(what string, figure time.Duration) {
	return func(what string, figure time.Duration) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if !slices.Contains(r.columns, what) {
			r.columns = append(r.columns, what)
		}
		if r.rows[cell] == nil {
			r.rows[cell] = map[string]time.Duration{}
		}
		r.rows[cell][what] = figure
	}
}

const tableHead = `# Side by side with keepalived and FRR

Written by ` + "`make interop`" + `: each row is a pair of directors on one segment, the better first. Everything is in milliseconds, as seen by a capture
at both ports (silence: from the last advert of the one to the first of the other) and by asking both nodes every 10 ms who holds the
address (nobody, both). A cell without a figure does not apply. What there is to mind is in [the reference](reference.md#mixed-fleets).

- **second starts**, **it comes back**: the other one is in office; one is started, or started again after its resignation
- **master resigns**: an orderly stop, with priority 0. govrrpd keeps the address until its successor has announced it, the others let go
- **cable pulled**, **cable plugged in**: the master loses its carrier, and gets it back
- **kill -9**: of all processes of the master; its kernel keeps the address, so only the adverts are judged
- "first=" says which of the two was started first; intervals are 100 ms with version 3 (400 ms where it says slow), 1 s with version 2
- "v3 reference" is keepalived with its own kind

`

// markdown returns the table.
func (r *record) markdown() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "%s| pair | %s |\n|---|%s\n", tableHead, strings.Join(r.columns, " | "), strings.Repeat("---:|", len(r.columns)))
	for _, cell := range slices.Sorted(maps.Keys(r.rows)) {
		fmt.Fprintf(&b, "| %s |", cell)
		for _, column := range r.columns {
			if figure, ok := r.rows[cell][column]; ok {
				fmt.Fprintf(&b, " %.0f", ms(figure))
			}
			b.WriteString(" |")
		}
		b.WriteString("\n")
	}
	return b.String()
}
