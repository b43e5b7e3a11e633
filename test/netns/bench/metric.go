package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
)

// The programs that are measured.
const (
	govrrpd    = "govrrpd"
	keepalived = "keepalived"
	ipvsadm    = "ipvsadm -R"
)

// Figures are what was measured of each program, in the order of the runs.
type Figures map[string][]float64

// A Metric is one line of the result. The numbers are medians; smaller is better.
type Metric struct {
	Name       string  `json:"metric"`
	Unit       string  `json:"unit"`
	Govrrpd    float64 `json:"govrrpd"`
	Keepalived float64 `json:"keepalived"`
	Ratio      float64 `json:"ratio"`             // govrrpd / keepalived
	Ipvsadm    float64 `json:"ipvsadm,omitempty"` // for comparison, where it can do the same
	Target     float64 `json:"target"`            // the most that govrrpd's median may be; 0 when there is none
	None       bool    `json:"none,omitempty"`    // the target is 0
	Runs       Figures `json:"runs"`
}

// newMetric takes the medians of runs in ms. target computes from keepalived's the most that ours may be; nil for none.
func newMetric(name string, runs Figures, target func(keepalived float64) float64) Metric {
	m := Metric{
		Name: name, Unit: "ms", Runs: runs,
		Govrrpd: median(runs[govrrpd]), Keepalived: median(runs[keepalived]), Ipvsadm: median(runs[ipvsadm]),
	}
	if m.Keepalived > 0 {
		m.Ratio = m.Govrrpd / m.Keepalived
	}
	if target != nil {
		m.Target = target(m.Keepalived)
	}
	return m
}

// in gives the metric another unit than ms.
func (m Metric) in(unit string) Metric {
	m.Unit = unit
	return m
}

// none makes every occurrence of what is counted a miss.
func (m Metric) none() Metric {
	m.None = true
	return m
}

// met tells whether govrrpd is within the target.
func (m Metric) met() bool {
	if m.None {
		return m.Govrrpd == 0
	}
	return m.Target == 0 || m.Govrrpd <= m.Target
}

func allMet(metrics []Metric) bool {
	return !slices.ContainsFunc(metrics, func(m Metric) bool { return !m.met() })
}

// median returns the middle of the numbers, the mean of the two in the middle when their count is even, and 0 for none.
func median(numbers []float64) float64 {
	n := len(numbers)
	if n == 0 {
		return 0
	}
	s := slices.SortedFunc(slices.Values(numbers), cmp.Compare[float64])
	return (s[(n-1)/2] + s[n/2]) / 2
}

func writeJSON(path string, metrics []Metric) error {
	b, err := json.MarshalIndent(metrics, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

// format returns the metrics as a table.
func format(metrics []Metric) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "metric\tgovrrpd\tkeepalived\tratio\ttarget\tipvsadm -R")
	for _, m := range metrics {
		if len(m.Runs[govrrpd]) == 0 {
			continue // it was not asked for
		}
		name := m.Name
		if m.Unit != "" {
			name += ", " + m.Unit
		}
		fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%.2f\t%s\t%s\n", name, m.Govrrpd, m.Keepalived, m.Ratio, m.verdict(), m.other())
	}
	_ = w.Flush() // to memory
	return b.String()
}

func (m Metric) verdict() string {
	switch {
	case m.Target == 0 && !m.None:
		return "-"
	case m.met():
		return fmt.Sprintf("%.1f met", m.Target)
	}
	return fmt.Sprintf("%.1f MISSED", m.Target)
}

func (m Metric) other() string {
	if m.Ipvsadm == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f", m.Ipvsadm)
}
