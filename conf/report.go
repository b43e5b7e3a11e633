package conf

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/hashicorp/hcl/v2"
)

// ours marks a diagnostic that is already in the operator's words: Summary is the message, Detail the hint.
type ours struct{}

// newProblem makes a diagnostic: message says what is wrong and what is wanted, hint what to write instead.
func newProblem(at hcl.Range, message, hint string) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: message, Detail: hint, Subject: &at, Extra: ours{}}
}

// missing marks one of ours that says that a block does not have a keyword.
type missing struct{ keyword string }

func (d *decoder) problem(at hcl.Range, message, hint string) {
	d.diags = append(d.diags, newProblem(at, message, hint))
}

// warn reports what works and is not wise.
func (d *decoder) warn(at hcl.Range, message, hint string) {
	warning := newProblem(at, message, hint)
	warning.Severity = hcl.DiagWarning
	d.diags = append(d.diags, warning)
}

// place is how a message names another place.
func place(r hcl.Range) string { return fmt.Sprintf("%s:%d", r.Filename, r.Start.Line) }

// report brings diagnostics into their final form: follow-ups and repetitions dropped, worded alike, sorted by place, and each with
// the source line that Write shows.
func (s *source) report(diags hcl.Diagnostics) hcl.Diagnostics {
	var out hcl.Diagnostics
	seen := map[string]bool{}
	secrets := s.secrets()
	diags = s.firstCauses(diags)
	for _, diag := range diags {
		if s.misspelt(diag, diags) {
			continue
		}
		key := fmt.Sprint(diag.Subject, diag.Summary)
		if seen[key] {
			continue // a dynamic block makes the same mistake in every round
		}
		seen[key] = true
		diag.Extra = s.snippet(diag.Subject, secrets)
		out = append(out, diag)
	}
	slices.SortStableFunc(out, byPlace)
	return out
}

// firstCauses rewords diagnostics and drops those that only follow from another one.
func (s *source) firstCauses(diags hcl.Diagnostics) hcl.Diagnostics {
	var out hcl.Diagnostics
	unclosed := map[string]bool{} // files with a quote that is not closed, or that are no text: everything after it is read inside out
	foreign := strangers(diags)
	for _, diag := range diags {
		if diag.Subject == nil {
			diag.Subject = &hcl.Range{} // of no file
		}
		file := diag.Subject.Filename
		if unknownValue(diag) || unclosed[file] {
			continue
		}
		unclosed[file] = diag.Summary == "Invalid multi-line string" || diag.Summary == "Invalid character encoding"
		if foreign[diag.Subject.Start] && diag.Summary != invalidCharacter {
			continue
		}
		out = append(out, s.reword(diag))
	}
	return out
}

// strangers are the places of characters that the language does not have; whatever else is wrong there follows from them.
func strangers(diags hcl.Diagnostics) map[hcl.Pos]bool {
	out := map[hcl.Pos]bool{}
	for _, diag := range diags {
		if diag.Summary == invalidCharacter {
			out[diag.Subject.Start] = true
		}
	}
	return out
}

// unknownValue reports whether diag only says that something computed from a mistake is unknown.
func unknownValue(diag *hcl.Diagnostic) bool {
	return strings.Contains(diag.Detail, "not yet known") || strings.Contains(diag.Detail, "must be known")
}

// misspelt reports whether diag misses a keyword that its block has under a name that is not known.
func (s *source) misspelt(diag *hcl.Diagnostic, all hcl.Diagnostics) bool {
	m, ok := diag.Extra.(missing)
	if !ok {
		return false
	}
	return slices.ContainsFunc(all, func(other *hcl.Diagnostic) bool {
		if !strings.HasPrefix(other.Summary, "unknown keyword") || !strings.Contains(other.Detail, m.keyword) || other.Subject.Filename != diag.Subject.Filename {
			return false
		}
		return slices.ContainsFunc(s.blocksAt(*other.Subject), func(b *hcl.Block) bool { return b.DefRange.Start == diag.Subject.Start })
	})
}

func byPlace(a, b *hcl.Diagnostic) int {
	x, y := a.Subject, b.Subject
	return cmp.Or(cmp.Compare(x.Filename, y.Filename), cmp.Compare(x.Start.Byte, y.Start.Byte), cmp.Compare(a.Summary, b.Summary))
}

// suggest returns `did you mean "x"? ` for the most similar of names, or nothing.
func suggest(given string, names iter.Seq[string]) string {
	best, distance := "", 1+(len(given)+2)/4 // one slip in four letters
	for _, name := range slices.Sorted(names) {
		n := levenshtein.Distance(strings.ToLower(given), name, nil)
		if letters(given) == letters(name) {
			n = 1 // "wcl" for "wlc" is one slip, though two letters differ
		}
		if n < distance {
			best, distance = name, n
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q? ", best)
}

func letters(word string) string {
	b := []byte(word)
	slices.Sort(b)
	return string(b)
}

func keysOf[V any](m map[string]V) iter.Seq[string] {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// quote shows a value from the file within a message, at most 60 characters of it.
func quote(s string) string {
	if r := []rune(s); len(r) > 60 {
		s = string(r[:57]) + "..."
	}
	return strconv.Quote(s)
}
