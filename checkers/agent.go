package checkers

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Agent asks a program on the server what it can take, by the lines of HAProxy's agent-check: "75%", "ready", "drain", "maint", "down".
type Agent struct {
	Target
	TLS  *TLS   // nil: plain
	Send string // what to say first; empty: nothing
	Base int    // the weight of which the agent says the per cent
}

// Validate returns everything that is wrong with c, joined.
func (c Agent) Validate() error {
	errs := []error{c.Target.Validate(), validateTLS(c.TLS)}
	if c.Base < 0 || c.Base > maxWeight {
		errs = append(errs, fmt.Errorf("the weight of the server is %d, want 0 to %d", c.Base, maxWeight))
	}
	return errors.Join(errs...)
}

// maxWeight is the highest weight that a server may have: IPVS adds them up in a signed number of 32 bits.
const maxWeight = 65535

// Check asks, and forgets the weight.
func (c Agent) Check(ctx context.Context) error {
	_, _, err := c.CheckWeight(ctx)
	return err
}

// CheckWeight asks for the weight.
func (c Agent) CheckWeight(ctx context.Context) (weight int, ok bool, err error) {
	d, err := dial(ctx, c.Target, c.TLS)
	if err != nil {
		return 0, false, err
	}
	defer d.close()
	if c.Send != "" {
		if err := d.send("text", c.Send); err != nil {
			return 0, false, err
		}
	}
	line, err := d.line("the agent's line")
	if err != nil {
		return 0, false, err
	}
	traceOf(ctx).phase("first byte")
	return c.judge(line)
}

// judge reads an agent's line: words between spaces, commas or tabs, and after a # why. Words that say nothing to us, such as
// "maxconn:30", are passed over, but not all of them.
func (c Agent) judge(line string) (weight int, ok bool, err error) {
	line, why, _ := strings.Cut(line, "#")
	known, drain := false, false
	for _, word := range strings.FieldsFunc(strings.ToLower(line), func(r rune) bool { return strings.ContainsRune(" ,\t", r) }) {
		switch name, _, _ := strings.Cut(word, "#"); name {
		case "ready", "up":
			known = true
		case "drain":
			known, drain = true, true
		case "maint", "down", "failed", "fail", "stopped":
			return 0, false, c.unwell(name, why)
		default:
			n, isWeight := strings.CutSuffix(name, "%")
			if !isWeight {
				known = known || strings.HasPrefix(name, "maxconn:")
				continue
			}
			percent, err := strconv.ParseUint(n, 10, 31)
			if err != nil {
				return 0, false, fmt.Errorf("the agent says %s, want a weight such as 75%%", quoted(word))
			}
			known, ok, weight = true, true, c.share(int(percent))
		}
	}
	switch {
	case !known:
		return 0, false, fmt.Errorf("the agent says %s, want a weight such as 75%%, ready, drain, maint or down", quoted(line))
	case drain:
		return 0, true, nil
	}
	return weight, ok, nil
}

func (c Agent) unwell(word, why string) error {
	if why = strings.TrimSpace(why); why != "" {
		return fmt.Errorf("the agent says %s: %s", word, quoted(why))
	}
	return fmt.Errorf("the agent says %s", word)
}

// share is a percentage of the base; what is not nothing stays at least 1.
func (c Agent) share(percent int) int {
	weight := (c.Base*percent + 50) / 100
	if weight == 0 && percent > 0 && c.Base > 0 {
		return 1
	}
	return min(weight, maxWeight)
}
