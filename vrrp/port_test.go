package vrrp

import (
	"net/netip"
	"time"
)

// A port is the Host of one life of a machine.
type port struct {
	m    *machine
	life int
}

func (p *port) Send(c *Config, to netip.Addr, packet Packet) error {
	m, l := p.m, p.m.lan
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.life != m.life {
		return nil
	}
	if m.sendError != nil {
		return m.sendError
	}
	m.checkAdvert(packet)
	m.sent = append(m.sent, sentAdvert{time.Now(), to, packet})
	bytes := packet.Marshal(m.addr, to)
	m.transmit(m.noise, func(other *machine) {
		parsed, err := ParsePacket(bytes, m.addr, to)
		if err != nil {
			l.violation(other, "cannot parse an advert: %v", err)
			return
		}
		other.arrived(Advert{From: m.addr, To: to, TTL: TTL, Packet: parsed})
	})
	return nil
}

// checkAdvert looks at the gap since the last advert of a master that was not stalled meanwhile.
func (m *machine) checkAdvert(p Packet) {
	now := time.Now()
	if now.Before(m.silent) {
		m.lan.violation(m, "sent an advert before its startup delay was over")
	}
	if p.Priority == PriorityResign {
		m.lastAdvert = time.Time{}
		return
	}
	gap := now.Sub(m.lastAdvert)
	if !m.lastAdvert.IsZero() && m.lastAdvert.After(m.wakeAt) && gap > m.promised {
		m.lan.violation(m, "%s between two adverts, interval %s", gap, m.promised)
	}
	m.lastAdvert, m.promised = now, p.Interval
}

func (p *port) Hold(c *Config, on bool) error {
	m := p.m
	m.wake(followLag)
	m.lan.mu.Lock()
	delay := m.holdDelay
	m.holds = append(m.holds, holding{time.Now(), on, len(c.Addresses)})
	if !on && p.life == m.life {
		m.burst++
	}
	m.lan.mu.Unlock()
	time.Sleep(delay)
	m.wake(followLag)
	m.lan.mu.Lock()
	defer m.lan.mu.Unlock()
	if p.life != m.life {
		return nil
	}
	if !on {
		m.held = m.held && m.freeError != nil
		return m.freeError
	}
	if m.holdError != nil {
		return m.holdError
	}
	m.held = true
	return nil
}

func (p *port) Announce(c *Config) error {
	m := p.m
	m.wake(followLag)
	m.lan.mu.Lock()
	defer m.lan.mu.Unlock()
	if p.life != m.life {
		return nil
	}
	m.tellClients()
	m.burst++
	if burst, life := m.burst, m.life; c.Announce.Delay > 0 {
		time.AfterFunc(c.Announce.Delay, func() { m.repeat(life, burst) })
	}
	return nil
}

func (p *port) Silence(*Config) {
	p.m.lan.mu.Lock()
	defer p.m.lan.mu.Unlock()
	if p.life == p.m.life {
		p.m.burst++
	}
}

// repeat is the second burst. A stalled process makes it when it wakes.
func (m *machine) repeat(life, burst int) {
	m.wake(announcerLag)
	m.lan.mu.Lock()
	defer m.lan.mu.Unlock()
	if m.life == life && m.burst == burst {
		m.tellClients()
	}
}

func (m *machine) tellClients() {
	m.announced = append(m.announced, time.Now())
	m.lan.note(m, "announces")
	if !m.held {
		m.lan.violation(m, "announces what it does not hold")
	}
	if !m.up {
		return
	}
	m.arp = m
	m.transmit(m.chance, func(other *machine) { other.arp = m })
}
