package mark

import "slices"

// A box is an element and the number of its rule.
type box struct {
	element
	rule  int
	alone bool // it is single
}

// levelsOf returns for each rule a number that is above those of all rules before it that have a packet in common with it. Interfaces are of no
// account: who marks the same packets at another one comes after it, too.
func levelsOf(rules [][]element) []int {
	before := overlaps(rules)
	levels := make([]int, len(rules))
	for i := range rules {
		for _, earlier := range before[i] {
			levels[i] = max(levels[i], levels[earlier]+1)
		}
	}
	return levels
}

// overlaps returns for each rule those before it that have a packet in common with it. It goes through all elements by their destination and
// compares each with the ranges that have begun and not ended there; of single addresses only equal ones overlap.
func overlaps(rules [][]element) [][]int {
	before := make([][]int, len(rules))
	note := func(a, b int) {
		if a, b = min(a, b), max(a, b); a < b {
			before[b] = append(before[b], a)
		}
	}
	var open []box
	same := map[element][]int{} // by an element without its mark
	for _, b := range inOrder(rules) {
		open = slices.DeleteFunc(open, func(o box) bool { return o.dest.Last.Less(b.dest.First) })
		for _, o := range open {
			if o.meets(b.element) {
				note(o.rule, b.rule)
			}
		}
		if !b.alone {
			open = append(open, b)
			continue
		}
		b.mark = 0
		for _, other := range same[b.element] {
			note(other, b.rule)
		}
		same[b.element] = append(same[b.element], b.rule)
	}
	return before
}

// inOrder returns all elements by the beginning of their destinations, of those with the same one the ranges first.
func inOrder(rules [][]element) []box {
	var all []box
	for i, elements := range rules {
		for _, e := range elements {
			all = append(all, box{e, i, e.single()})
		}
	}
	slices.SortStableFunc(all, func(a, b box) int {
		if c := a.dest.First.Compare(b.dest.First); c != 0 {
			return c
		}
		return boolOrder(a.alone, b.alone)
	})
	return all
}

// boolOrder has false before true.
func boolOrder(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// meets reports whether a packet fits both e and f.
func (e element) meets(f element) bool {
	return e.proto == f.proto && e.ports.First <= f.ports.Last && f.ports.First <= e.ports.Last &&
		e.dest.meets(f.dest) && e.source.meets(f.source)
}

func (r Range) meets(s Range) bool { return !r.Last.Less(s.First) && !s.Last.Less(r.First) }
