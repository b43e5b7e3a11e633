package conf

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// The readers below store the value of an attribute in *into when it is set, and return whether *into can be relied on: the default
// stands, or the value is good. When they return false the mistake was reported, here or where the value comes from.

// value evaluates an attribute. set is false when it is absent or null, ok when it has a mistake.
func (d *decoder) value(a *hcl.Attribute) (v cty.Value, set, ok bool) {
	if a == nil {
		return cty.NilVal, false, true
	}
	v, diags := a.Expr.Value(d.ctx)
	if diags.HasErrors() {
		d.diags = append(d.diags, diags...)
		return v, true, false
	}
	v, _ = v.UnmarkDeep()
	if v.IsNull() {
		return v, false, true
	}
	return v, true, v.IsWhollyKnown()
}

// given reports whether an attribute is there and not null.
func (d *decoder) given(a *hcl.Attribute) bool {
	if a == nil {
		return false
	}
	v, _ := a.Expr.Value(d.ctx)
	return v == cty.NilVal || !v.IsNull()
}

// scalar evaluates an attribute to a value of a primitive type. hint is what an operator would write.
func (d *decoder) scalar(a *hcl.Attribute, want cty.Type, hint string) (v cty.Value, set, ok bool) {
	v, set, ok = d.value(a)
	if !set || !ok {
		return v, set, ok
	}
	out, err := convert.Convert(v, want)
	if err != nil {
		d.problem(a.Expr.Range(), fmt.Sprintf("%s is %s, want %s", a.Name, shown(v), kindOf(want)), hint)
		return v, true, false
	}
	return out, true, true
}

// kindOf is a primitive type in the operator's words.
func kindOf(t cty.Type) string {
	switch t {
	case cty.Number:
		return "a number"
	case cty.Bool:
		return "true or false"
	}
	return "text"
}

// shown is a value as a message quotes it.
func shown(v cty.Value) string {
	switch t := v.Type(); {
	case t == cty.String:
		return quote(v.AsString())
	case t == cty.Number:
		return "the number " + v.AsBigFloat().Text('g', 10)
	case t == cty.Bool:
		return strconv.FormatBool(v.True())
	case t.IsListType(), t.IsTupleType(), t.IsSetType():
		return "a list"
	}
	return "a map"
}

// required reports a keyword that a block must have and does not.
func (d *decoder) required(a *hcl.Attribute, at hcl.Range, block, keyword, example string) bool {
	if d.given(a) {
		return true
	}
	d.missing(at, block, keyword, example)
	return false
}

// missing reports a keyword that the block at at must have. It is dropped when the block has an unknown keyword that means this one.
func (d *decoder) missing(at hcl.Range, block, keyword, example string) {
	p := newProblem(at, fmt.Sprintf("%s has no %s", block, keyword), "add "+keyword+" = "+example)
	p.Extra = missing{keyword}
	d.diags = append(d.diags, p)
}

func (d *decoder) text(a *hcl.Attribute, example string, into *string) bool {
	if a == nil {
		return true
	}
	v, set, ok := d.scalar(a, cty.String, fmt.Sprintf("write %s = %q", a.Name, example))
	if !set || !ok {
		return ok
	}
	*into = v.AsString()
	if *into == "" || strings.ContainsFunc(*into, unicode.IsControl) {
		d.problem(a.Expr.Range(), fmt.Sprintf("%s is %s, want printable text", a.Name, quote(*into)), fmt.Sprintf("write %s = %q", a.Name, example))
		return false
	}
	return true
}

// bytes reads a text in which anything may be, such as line ends.
func (d *decoder) bytes(a *hcl.Attribute, example string, into *string) {
	if a == nil {
		return
	}
	if v, set, ok := d.scalar(a, cty.String, fmt.Sprintf("write %s = \"%s\"", a.Name, example)); set && ok {
		*into = v.AsString()
	}
}

func (d *decoder) flag(a *hcl.Attribute, into *bool) {
	if a == nil {
		return
	}
	if v, set, ok := d.scalar(a, cty.Bool, fmt.Sprintf("write %s = true or %s = false, without quotes", a.Name, a.Name)); set && ok {
		*into = v.True()
	}
}

// number reads a whole number from low to high. hint is for a number outside; empty for the nearest one that is good.
func (d *decoder) number(a *hcl.Attribute, low, high int, hint string, into *int) bool {
	if a == nil {
		return true
	}
	v, set, ok := d.scalar(a, cty.Number, fmt.Sprintf("write a number from %d to %d, without quotes", low, high))
	if !set || !ok {
		return ok
	}
	n, accuracy := v.AsBigFloat().Int64()
	if accuracy != big.Exact || n < int64(low) || n > int64(high) {
		d.problem(a.Expr.Range(), fmt.Sprintf("%s is %s, want %s", a.Name, v.AsBigFloat().Text('g', 10), numbers(low, high)),
			cmp.Or(hint, fmt.Sprintf("write %s = %d, for example", a.Name, max(int64(low), min(int64(high), n)))))
		return false
	}
	*into = int(n)
	return true
}

func numbers(low, high int) string {
	if high == low+1 {
		return fmt.Sprintf("%d or %d", low, high)
	}
	return fmt.Sprintf("%d to %d", low, high)
}

// choice reads one word out of several; its index becomes *into.
func choice[T any](d *decoder, a *hcl.Attribute, words []string, values []T, into *T) bool {
	if a == nil {
		return true
	}
	v, set, ok := d.scalar(a, cty.String, "write "+a.Name+" = "+strconv.Quote(words[0])+", for example")
	if !set || !ok {
		return ok
	}
	i := slices.Index(words, v.AsString())
	if i < 0 {
		d.problem(a.Expr.Range(), fmt.Sprintf("%s is %s, want %s", a.Name, quote(v.AsString()), oneOf(words)),
			cmp.Or(suggest(v.AsString(), slices.Values(words)), "write "+a.Name+" = "+strconv.Quote(words[0])+", for example"))
		return false
	}
	*into = values[i]
	return true
}

// oneOf is `"a", "b" or "c"`.
func oneOf(words []string) string {
	var quoted []string
	for _, w := range words {
		quoted = append(quoted, strconv.Quote(w))
	}
	last := len(quoted) - 1
	if last == 0 {
		return quoted[0]
	}
	return strings.Join(quoted[:last], ", ") + " or " + quoted[last]
}

// A span is the durations that a keyword takes.
type span struct {
	low, high time.Duration
	zero      string // what 0s means, if it is allowed besides the span
	step      time.Duration
	bare      string // unit that is meant by a number without one, where keepalived has another than s
}

// String returns "10ms to 40.95s in steps of 10ms".
func (s span) String() string {
	out := fmt.Sprintf("%s to %s", short(s.low), short(s.high))
	if s.step > 0 {
		out += " in steps of " + short(s.step)
	}
	if s.zero != "" {
		out += ", or 0s for " + s.zero
	}
	return out
}

func (s span) holds(t time.Duration) bool {
	if t == 0 && s.zero != "" {
		return true
	}
	return t >= s.low && t <= s.high && (s.step == 0 || t%s.step == 0)
}

// short is a duration without the zeros that time.Duration prints: 1h, not 1h0m0s.
func short(t time.Duration) string {
	s := t.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// duration reads a duration within a span.
func (d *decoder) duration(a *hcl.Attribute, within span, into *time.Duration) bool {
	if a == nil {
		return true
	}
	v, set, ok := d.scalar(a, cty.String, fmt.Sprintf("write %s = %q, for example", a.Name, short(within.low)))
	if !set || !ok {
		return ok
	}
	text := v.AsString()
	t, err := time.ParseDuration(text)
	if err != nil {
		d.problem(a.Expr.Range(), fmt.Sprintf("%s is %s, want a duration in ms, s, m or h", a.Name, quote(text)), fmt.Sprintf("write %s = %q, for example", a.Name, withUnit(text, cmp.Or(within.bare, "s"))))
		return false
	}
	if !within.holds(t) {
		d.problem(a.Expr.Range(), fmt.Sprintf("%s is %s, want %s", a.Name, short(t), within), fmt.Sprintf("write %s = %q, for example", a.Name, nearest(t, within)))
		return false
	}
	*into = t
	return true
}

// withUnit guesses what was meant by a duration that does not parse; by a number alone, so many of unit.
func withUnit(text, unit string) string {
	text = strings.ToLower(strings.Join(strings.Fields(text), ""))
	words := strings.NewReplacer("seconds", "s", "second", "s", "secs", "s", "sec", "s", "minutes", "m", "minute", "m", "min", "m", "hours", "h", "hour", "h")
	for _, guess := range []string{text + unit, words.Replace(text)} {
		if t, err := time.ParseDuration(guess); err == nil && t > 0 {
			return short(t)
		}
	}
	return "1s"
}

func nearest(t time.Duration, within span) string {
	t = max(min(t, within.high), within.low)
	if within.step > 0 {
		t = max(t.Truncate(within.step), within.low)
	}
	return short(t)
}

// An element is one string of a list and where it is written.
type element struct {
	text string
	at   hcl.Range
}

// list reads a list of strings. A list element that is not a string is reported.
func (d *decoder) list(a *hcl.Attribute, example string) (out []element, ok bool) {
	v, set, ok := d.value(a)
	if !set || !ok {
		return nil, ok
	}
	if t := v.Type(); !t.IsListType() && !t.IsTupleType() && !t.IsSetType() {
		d.problem(a.Expr.Range(), fmt.Sprintf("%s is %s, want a list", a.Name, shown(v)), fmt.Sprintf("write %s = [%q]", a.Name, example))
		return nil, false
	}
	places := elementPlaces(a, v.LengthInt())
	ok = true
	for it := v.ElementIterator(); it.Next(); {
		_, e := it.Element()
		at := places(len(out))
		s, err := convert.Convert(e, cty.String)
		if err != nil || s.IsNull() {
			d.problem(at, fmt.Sprintf("an element of %s is not text", a.Name), fmt.Sprintf("write %s = [%q]", a.Name, example))
			ok = false
			out = append(out, element{at: at})
			continue
		}
		out = append(out, element{s.AsString(), at})
	}
	return out, ok
}

// elementPlaces tells where element i of a list is written: in a literal list at its own place, otherwise at that of the list.
func elementPlaces(a *hcl.Attribute, n int) func(i int) hcl.Range {
	exprs, diags := hcl.ExprList(a.Expr)
	if diags.HasErrors() || len(exprs) != n {
		return func(int) hcl.Range { return a.Expr.Range() }
	}
	return func(i int) hcl.Range { return exprs[i].Range() }
}

// name checks the label that names an instance or a service, and that no other has it.
func (d *decoder) name(kind, name string, at hcl.Range, taken map[string]hcl.Range) {
	bad := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._:-/@+", r)
	}
	if name == "" || len(name) > 64 || strings.ContainsFunc(name, bad) {
		d.problem(at, fmt.Sprintf("the name %s of a %s is not 1 to 64 letters, digits and . _ - : / @ +", quote(name), kind),
			fmt.Sprintf(`write %s "web" { … }, for example; commands and logs use the name`, kind))
		return
	}
	if first, again := taken[name]; again {
		d.problem(at, fmt.Sprintf("%s %q is defined twice", kind, name), fmt.Sprintf("the first is at %s: give this one another name", place(first)))
		return
	}
	taken[name] = at
}
