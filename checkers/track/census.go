package track

import "slices"

// A census knows which processes count, and for whom. It is pure: what the kernel said comes in as arguments.
type census struct {
	processes []Process
	members   map[int][]int // by process id: the places in processes of those for whom it counts; none without
	counts    []int         // by place in processes
}

func newCensus(ps []Process) *census {
	return &census{processes: ps, members: map[int][]int{}, counts: make([]int, len(ps))}
}

// reads reports whether any of the processes is recognized by its command line.
func (c *census) reads() bool { return slices.ContainsFunc(c.processes, Process.reads) }

// is notes what process pid is now.
func (c *census) is(pid int, r running) {
	var member []int
	for i, p := range c.processes {
		if p.counts(r) {
			member = append(member, i)
		}
	}
	c.set(pid, member)
}

// forked notes that child is a copy of parent.
func (c *census) forked(parent, child int) { c.set(child, c.members[parent]) }

// gone notes that there is no process pid.
func (c *census) gone(pid int) { c.set(pid, nil) }

func (c *census) set(pid int, member []int) {
	for _, i := range c.members[pid] {
		c.counts[i]--
	}
	for _, i := range member {
		c.counts[i]++
	}
	if len(member) == 0 {
		delete(c.members, pid)
		return
	}
	c.members[pid] = member
}
