package pool

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// said returns three servers of weight 5, of which the first has what operators say of it.
func said(conditions string, o Override) []Server {
	s := weighing(conditions, 5, 5, 5)
	s[0].Override = &o
	return s
}

func TestWhatOperatorsSayComesFirst(t *testing.T) {
	drained, cut := Override{Kind: Drain, Drained: start}, Override{Kind: Drain, Drained: start, Cut: true}
	for _, tt := range []struct {
		name    string
		config  Config
		servers []Server
		want    Share
	}{
		{"nothing", Config{}, said("uuu", Override{}), Share{Present: true, Weight: 5}},
		{"disabled is out", Config{}, said("uuu", Override{Kind: Disable}), Share{Reason: Disabled}},
		{"also where what fails is quiesced", Config{OnFailure: Quiesce, Stay: true}, said("uuu", Override{Kind: Disable}), Share{Reason: Disabled}},
		{"draining takes nothing new", Config{}, said("uuu", Override{Kind: Drain}), Share{Present: true, Reason: Draining}},
		{"and keeps what it has though its checks fail", Config{}, said("duu", Override{Kind: Drain}), Share{Present: true, Reason: Draining}},
		{"drained is out", Config{}, said("uuu", drained), Share{Reason: Drained}},
		{"but for its place", Config{Stay: true}, said("uuu", drained), Share{Present: true, Reason: Drained}},
		{"which it loses with its last connections", Config{Stay: true}, said("uuu", cut), Share{Reason: Drained}},
		{"a weight", Config{}, said("uuu", Override{Weight: new(9)}), Share{Present: true, Weight: 9}},
		{"a weight of 0", Config{}, said("uuu", Override{Weight: new(0)}), Share{Present: true}},
		{"a weight does not heal", Config{}, said("duu", Override{Weight: new(9)}), Share{Reason: Failed}},
		{"nor does it undo a drain", Config{}, said("uuu", Override{Kind: Drain, Weight: new(9)}), Share{Present: true, Reason: Draining}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := New(tt.config)
			p.Step(start, tt.servers)
			if d := cmp.Diff(tt.want, p.Shares()[0]); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			for _, o := range []Override{{}, {Kind: Disable}, {Kind: Drain}, drained} {
				said := tt.servers[0].Override
				same := said.Kind == o.Kind && said.Drains() == o.Drains()
				if got := p.Shares()[0].Follows(&o); got != same {
					t.Errorf("it follows %+v: %t", o, got)
				}
			}
		})
	}
}

func TestWhoIsTakenOutDoesNotCount(t *testing.T) {
	for _, tt := range []struct {
		name        string
		override    Override
		have        int
		known, held bool
	}{
		{"nothing", Override{}, 15, true, true},
		{"disabled", Override{Kind: Disable}, 10, true, false},
		{"draining", Override{Kind: Drain}, 10, true, false},
		{"drained", Override{Kind: Drain, Drained: start}, 10, true, false},
		{"lighter", Override{Weight: new(2)}, 12, true, true},
		{"without weight", Override{Weight: new(0)}, 10, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := New(Config{Quorum: Quorum{Min: 12}}).Step(start, said("uuu", tt.override))
			if got.Have != tt.have || got.Known != tt.known || got.Held != tt.held || got.Total != 15 {
				t.Errorf("have %d of %d, known %t, held %t", got.Have, got.Total, got.Known, got.Held)
			}
		})
	}
}
