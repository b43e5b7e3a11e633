package main

import (
	"strings"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		name    string
		numbers []float64
		want    float64
	}{
		{"none", nil, 0},
		{"one", []float64{3}, 3},
		{"odd, not in order", []float64{9, 1, 5}, 5},
		{"even: the mean of the middle two", []float64{8, 1, 2, 4}, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := median(tt.numbers); got != tt.want {
				t.Errorf("median(%v) = %v, want %v", tt.numbers, got, tt.want)
			}
		})
	}
}

func TestMetricJudgesGovrrpdByKeepalived(t *testing.T) {
	fifth := func(k float64) float64 { return k / 5 }
	for _, tt := range []struct {
		name    string
		govrrpd float64
		target  func(float64) float64
		met     bool
		verdict string
	}{
		{"within", 20, fifth, true, "20.0 met"},
		{"beyond", 20.1, fifth, false, "20.0 MISSED"},
		{"no target", 1000, nil, true, "-"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMetric("table", Figures{govrrpd: {tt.govrrpd}, keepalived: {100}}, tt.target)
			if m.met() != tt.met || allMet([]Metric{m}) != tt.met || m.verdict() != tt.verdict {
				t.Errorf("met %t, all %t, verdict %q; want %t and %q", m.met(), allMet([]Metric{m}), m.verdict(), tt.met, tt.verdict)
			}
			if want := tt.govrrpd / 100; m.Ratio != want {
				t.Errorf("ratio is %v, want %v", m.Ratio, want)
			}
			if line := format([]Metric{m}); !strings.Contains(line, tt.verdict) || !strings.HasPrefix(line, "metric") {
				t.Errorf("the table is\n%swant %q in it", line, tt.verdict)
			}
		})
	}
}
