package ipvs

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// A Connection is an entry of the kernel's table of connections with everything that the kernel tells of it.
type Connection struct {
	Conn
	Protocol string        // as the kernel names it: TCP, UDP, SCTP, IP for the templates of a service by mark, …
	State    string        // as the kernel names it: ESTABLISHED, SYN_RECV, NONE, …
	Expires  time.Duration // from now, whole seconds, unless something comes

	Engine     string // of persistence, such as sip; "" for none
	EngineData string // what the engine goes by, such as a Call-ID
}

// Mark returns the firewall mark of the service whose persistence template c is; 0 for a connection, and for a template of a service by address.
// The kernel writes it as the service's address, 0.0.0.5 for 5.
func (c Connection) Mark() uint32 {
	if c.Protocol != "IP" {
		return 0
	}
	b := c.Service.Addr().AsSlice()
	mark := uint32(0)
	for _, octet := range b[len(b)-4:] {
		mark = mark<<8 | uint32(octet)
	}
	return mark
}

// EachConnection calls f with each connection of a text in the form of /proc/net/ip_vs_conn, in its order, until f fails. Lines of another form are
// passed over.
func EachConnection(text io.Reader, f func(Connection) error) error {
	lines := bufio.NewScanner(text)
	for lines.Scan() {
		if c, ok := parseConnection(lines.Text()); ok {
			if err := f(c); err != nil {
				return err
			}
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read connections: %w", err)
	}
	return nil
}

// connWords is how many words there are before the engine and its data: protocol, three addresses with ports, state, and seconds.
const connWords = 9

func parseConnection(line string) (c Connection, ok bool) {
	w := strings.Fields(line)
	if len(w) < connWords {
		return c, false
	}
	if c.Conn, ok = parseConn(w); !ok {
		return c, false
	}
	seconds, err := strconv.ParseUint(w[8], 10, 31)
	if err != nil {
		return c, false
	}
	c.Protocol, c.State, c.Expires = w[0], w[7], time.Duration(seconds)*time.Second
	if len(w) > connWords {
		c.Engine, c.EngineData = w[9], strings.Join(w[10:], " ")
	}
	return c, true
}
