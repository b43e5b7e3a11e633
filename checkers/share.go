package checkers

import (
	"reflect"
	"strings"
	"time"
)

// A question is what checks that may be one and the same agree in: it finds the few that are to be compared. The zero question is that of
// a check that is shared with none.
type question struct {
	kind              reflect.Type
	subject           string
	interval, timeout time.Duration
}

// questionOf returns the question of c. Kinds without a subject cost nothing, or are not worth it.
func questionOf(c Config) question {
	s, ok := c.Checker.(interface{ subject() string })
	if !ok {
		return question{}
	}
	q := question{kind: reflect.TypeOf(c.Checker), subject: s.subject(), interval: c.Interval, timeout: c.Timeout}
	if _, told := c.Checker.(Told); told {
		q.interval, q.timeout = 0, 0
	}
	return q
}

// subject tells apart whom checks ask and, where a server has many, what.
func (t Target) subject() string { return t.Addr.String() }

func (c HTTP) subject() string { return c.Addr.String() + " " + c.Host + c.Path }

func (c GRPC) subject() string { return c.Addr.String() + " " + c.Service }

func (c Ping) subject() string { return c.Host.String() }

// That of a load is that of what it is measured by.
func (c Load) subject() string {
	if s, ok := c.Gauge.(interface{ subject() string }); ok {
		return s.subject()
	}
	return ""
}

func (c Script) subject() string { return strings.Join(c.Command, "\x00") }

func (c File) subject() string { return c.Path }

// same reports whether two checks differ in nothing but their names.
func (c Config) same(d Config) bool {
	c.Name, d.Name = "", ""
	return reflect.DeepEqual(c, d)
}

// find returns the one of those that asks what c does, or nil.
func find(those []*monitor, c Config) *monitor {
	for _, m := range those {
		if m.cfg.same(c) {
			return m
		}
	}
	return nil
}
