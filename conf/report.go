package conf

import (
	"cmp"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

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

// place is how a message names another place.
func place(r hcl.Range) string { return fmt.Sprintf("%s:%d", r.Filename, r.Start.Line) }

// report brings diagnostics into their final form: follow-ups and repetitions dropped, worded alike, sorted by place, and each with
// the source line that Write shows.
func (s *source) report(diags hcl.Diagnostics) hcl.Diagnostics {
	var out hcl.Diagnostics
	seen := map[string]bool{}
	secrets := s.secrets()
	for i, diag := range diags {
		diags[i] = s.reword(diag)
	}
	for _, diag := range diags {
		if followUp(diag) || s.misspelt(diag, diags) {
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

// followUp reports whether diag only says that something computed from a mistake is unknown.
func followUp(diag *hcl.Diagnostic) bool {
	return strings.Contains(diag.Detail, "not yet known") || strings.Contains(diag.Detail, "must be known")
}

// misspelt reports whether diag misses a keyword that its block has under a name that is not known.
func (s *source) misspelt(diag *hcl.Diagnostic, all hcl.Diagnostics) bool {
	m, ok := diag.Extra.(missing)
	f := s.files[diag.Subject.Filename]
	if !ok || f == nil {
		return false
	}
	return slices.ContainsFunc(all, func(other *hcl.Diagnostic) bool {
		if !strings.HasPrefix(other.Summary, "unknown keyword") || !strings.Contains(other.Detail, m.keyword) || other.Subject.Filename != diag.Subject.Filename {
			return false
		}
		return slices.ContainsFunc(f.BlocksAtPos(other.Subject.Start), func(b *hcl.Block) bool { return b.DefRange.Start == diag.Subject.Start })
	})
}

func byPlace(a, b *hcl.Diagnostic) int {
	at := func(d *hcl.Diagnostic) hcl.Range {
		if d.Subject == nil {
			return hcl.Range{}
		}
		return *d.Subject
	}
	x, y := at(a), at(b)
	return cmp.Or(cmp.Compare(x.Filename, y.Filename), cmp.Compare(x.Start.Byte, y.Start.Byte), cmp.Compare(a.Summary, b.Summary))
}

// reword gives a diagnostic of the HCL library the form of ours.
func (s *source) reword(diag *hcl.Diagnostic) *hcl.Diagnostic {
	switch diag.Extra.(type) {
	case ours, missing:
		return diag
	}
	if d := s.rewordKeyword(diag); d != nil {
		return d
	}
	if d := s.rewordReference(diag); d != nil {
		return d
	}
	if m := duplicateBlock.FindStringSubmatch(diag.Detail); m != nil {
		return newProblem(*diag.Subject, fmt.Sprintf("there are two %s blocks", m[1]), fmt.Sprintf("the first is at %s: put all into one", m[2]))
	}
	message, hint := splitHint(oneLine(diag.Detail))
	return newProblem(*diag.Subject, lowerFirst(diag.Summary)+": "+message, hint)
}

// splitHint takes the advice that HCL's details end in, if any, off the rest.
func splitHint(detail string) (message, hint string) {
	if i := strings.Index(detail, " Did you mean"); i >= 0 {
		return detail[:i], lowerFirst(detail[i+1:])
	}
	return detail, ""
}

// text is the source that r covers.
func (s *source) text(r hcl.Range) string {
	if b := s.bytes[r.Filename]; r.CanSliceBytes(b) {
		return string(r.SliceBytes(b))
	}
	return ""
}

var (
	undeclared     = regexp.MustCompile(`^\.?([\pL_][\pL\pN_-]*)$`)
	duplicateBlock = regexp.MustCompile(`^Only one (\S+) block is allowed\. Another was defined at (.*:\d+),[-\d,]+\.$`)
)

// rewordReference words what expressions refer to and nobody declared.
func (s *source) rewordReference(diag *hcl.Diagnostic) *hcl.Diagnostic {
	name := strings.TrimPrefix(s.text(*diag.Subject), ".")
	switch diag.Summary {
	case "Unsupported attribute":
		before := *diag.Subject
		before.End.Byte = before.Start.Byte
		before.Start.Byte = max(0, before.Start.Byte-len("var"))
		if !undeclared.MatchString(name) || s.text(before) != "var" {
			return nil
		}
		return newProblem(*diag.Subject, fmt.Sprintf("variable %q is not declared", name),
			suggest(name, slices.Values(s.variables()))+fmt.Sprintf("declare it with: variable %q { default = … }", name))
	case "Unknown variable", "Variables not allowed":
		return newProblem(*diag.Subject, fmt.Sprintf("%s is not something that can be referred to here", quote(name)),
			fmt.Sprintf(`write "%s" for the text itself, or var.%s for a variable`, name, name))
	case "Call to unknown function":
		return newProblem(*diag.Subject, fmt.Sprintf("there is no function %s", quote(name)), suggest(name, keysOf(functions())))
	}
	return nil
}

// variables returns the names that are declared anywhere.
func (s *source) variables() []string {
	var out []string
	for _, name := range s.names {
		for _, b := range s.blocks(name) {
			if b.Type == "variable" && len(b.Labels) == 1 {
				out = append(out, b.Labels[0])
			}
		}
	}
	return out
}

// suggest returns `did you mean "x"? ` for the most similar of names, or nothing.
func suggest(given string, names iter.Seq[string]) string {
	best, distance := "", 1+(len(given)+2)/4 // one slip in four letters
	for _, name := range slices.Sorted(names) {
		n := levenshtein.Distance(given, name, nil)
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

func lowerFirst(s string) string {
	r := []rune(s)
	if len(r) > 1 && unicode.IsUpper(r[1]) {
		return s // an abbreviation
	}
	if len(r) > 0 {
		r[0] = unicode.ToLower(r[0])
	}
	return string(r)
}

func oneLine(s string) string { return strings.TrimSuffix(strings.Join(strings.Fields(s), " "), ".") }
