package vrrp

func (w *world) countTransitions() int {
	n := 0
	for _, m := range w.machines {
		n += len(m.transitions)
	}
	return n
}

// check looks at the parts one by one.
func (w *world) check(when string) {
	for part := range 2 {
		var masters, alive []*machine
		for _, m := range w.machines {
			if m.part != part || m.group == nil {
				continue
			}
			alive = append(alive, m)
			if m.role == Master {
				masters = append(masters, m)
			}
		}
		if len(alive) == 0 {
			continue
		}
		if len(masters) != 1 {
			w.violation(nil, "%s: part %d has %d masters", when, part, len(masters))
			continue
		}
		w.checkPart(when, masters[0], alive)
	}
}

func (w *world) checkPart(when string, master *machine, alive []*machine) {
	for _, m := range alive {
		s := m.group.Status()
		if s.Role != m.role || s.Master != master.addr {
			w.violation(m, "%s: status says role %s, master %s; want %s, %s", when, s.Role, s.Master, m.role, master.addr)
		}
		if m.held != (m == master) || s.Held != m.held {
			w.violation(m, "%s: holds addresses %v, status says %v, role %s", when, m.held, s.Held, m.role)
		}
	}
	for _, m := range w.machines {
		if w.clean && m.part == master.part && m.arp != master {
			w.violation(m, "%s: the client beside it believes in another machine than the master %s", when, master.addr)
		}
	}
}

// checkCadence counts the adverts of the last ten longest intervals.
func (w *world) checkCadence(when string) {
	for _, m := range w.machines {
		want := 0
		if m.group != nil && m.role == Master {
			want = int(10*w.slowest/m.config.AdvertInterval) * len(m.config.Destinations())
		}
		got, slack := len(m.sent), len(m.config.Destinations()) // the time looked at begins anywhere between two adverts
		if got < want-slack || got > want+slack || (want == 0 && got > 0) {
			w.violation(m, "%s: %d adverts at rest, want %d", when, got, want)
		}
	}
}

// believe makes every client right; from here on they have to stay so.
func (w *world) believe() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clean, w.quiet = !w.curt, 2*w.down
	for _, client := range w.machines {
		for _, m := range w.machines {
			if m.role == Master && m.part == client.part {
				client.arp = m
			}
		}
	}
}

// finish stops all in order.
func (w *world) finish() {
	w.orders.Wait()
	for _, m := range w.machines {
		if m.ended == nil {
			continue
		}
		if err := m.stop(); err != nil {
			w.violation(m, "Run: %v", err)
		}
	}
}
