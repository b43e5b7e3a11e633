package conf

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

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
	if d := s.rewordForm(diag); d != nil {
		return d
	}
	message, hint := splitHint(oneLine(diag.Detail))
	return newProblem(*diag.Subject, lowerFirst(diag.Summary)+": "+message, cmp.Or(hint, signature(diag)))
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
	undeclared     = regexp.MustCompile(`^[\pL_][\pL\pN_-]*$`)
	duplicateBlock = regexp.MustCompile(`^Only one (\S+) block is allowed\. Another was defined at (.*:\d+),[-\d,]+\.$`)
	setTwice       = regexp.MustCompile(`^The argument "([^"]+)" was already set at (.*:\d+),`)
	labels         = regexp.MustCompile(`^(?:Missing \S+|Extraneous label) for (\S+)$`)
)

// rewordForm words what is wrong with the form of a file.
func (s *source) rewordForm(diag *hcl.Diagnostic) *hcl.Diagnostic {
	at := *diag.Subject
	if m := duplicateBlock.FindStringSubmatch(diag.Detail); m != nil {
		return newProblem(at, fmt.Sprintf("there are two %s blocks", m[1]), fmt.Sprintf("the first is at %s: put all into one", m[2]))
	}
	if m := setTwice.FindStringSubmatch(diag.Detail); m != nil {
		return newProblem(at, m[1]+" is set twice", fmt.Sprintf("the first is at %s: remove one", m[2]))
	}
	if m := labels.FindStringSubmatch(diag.Summary); m != nil {
		return s.rewordLabels(at, m[1])
	}
	if diag.Summary == invalidCharacter {
		return rewordCharacter(at, s.text(at))
	}
	for _, f := range forms() {
		if f.summary == diag.Summary {
			return newProblem(at, f.message, cmp.Or(s.lineHint(diag), f.hint))
		}
	}
	return nil
}

// invalidCharacter is what HCL says of a character that the language does not have.
const invalidCharacter = "Invalid character"

// lineHint says what to write instead of a line that is neither keyword = value nor a block, as in the language of keepalived; empty when its
// first word tells nothing.
func (s *source) lineHint(diag *hcl.Diagnostic) string {
	if diag.Summary != "Invalid block definition" && diag.Summary != "Argument or block definition required" {
		return ""
	}
	at := *diag.Subject
	src := s.bytes[at.Filename]
	line, _, _ := bytes.Cut(src[bytes.LastIndexByte(src[:at.Start.Byte], '\n')+1:], []byte("\n"))
	words := strings.Fields(string(line))
	if len(words) == 0 {
		return ""
	}
	if hint := translate(words[0], s.blockAt(at)); hint != "" {
		return "this is a word of keepalived's: " + hint
	}
	switch _, block := schemaOf(words[0]); {
	case strings.HasPrefix(words[0], "!"):
		return "a comment begins with #"
	case block && words[len(words)-1] == "{":
		return "write " + blockForm(words[0], "")
	}
	return ""
}

// rewordCharacter words a character that the language does not have; other languages and word processors have some of them.
func rewordCharacter(at hcl.Range, character string) *hcl.Diagnostic {
	switch {
	case strings.Contains("'`“”‘’„", character):
		return newProblem(at, fmt.Sprintf("texts do not stand between %s", character), `write a straight double quote: "`)
	case character == ";":
		return newProblem(at, "there is no ; in this language", "put each keyword = value on a line of its own, and , between the elements of a list")
	}
	return newProblem(at, "a character that the language does not have", "such characters may only be in comments and in texts between quotes")
}

// rewordLabels words that a block has too few or too many of the texts between its type and its brace.
func (s *source) rewordLabels(at hcl.Range, block string) *hcl.Diagnostic {
	if schema, _ := schemaOf(block); len(labelsOf(block)) == 0 && schema != nil {
		return newProblem(at, block+" takes no name", fmt.Sprintf("write %s { … }", block))
	}
	what, _ := labelExample(block)
	return newProblem(at, fmt.Sprintf("%s must have one %s between quotes", block, what), "write "+blockForm(block, ""))
}

// blockForm shows how a block is written that stands in another one, or outside of all.
func blockForm(block, outer string) string {
	if outer != "track" && len(labelsOf(block)) == 0 && block != "dynamic" {
		return block + " { … }"
	}
	_, example := labelExample(block)
	return fmt.Sprintf("%s %q { … }", block, example)
}

// labelExample says what stands between the quotes of a block, and what that may look like.
func labelExample(block string) (what, example string) {
	switch block {
	case "real_server", "sorry_server":
		return "address", serverExample
	case "virtual_address", "static_address":
		return "address", vipExample
	case "route", "static_route":
		return "destination", "10.0.0.0/8"
	case "prefix":
		return "address/length", "2001:db8:61::/64"
	case "peer":
		return "address", "10.0.0.2"
	case "key":
		return "number", "1"
	case "interface":
		return "name", "eth1"
	case "encap":
		return "kind", "mpls"
	case "check":
		return "kind", "http"
	case "dynamic":
		return "type of block", "real_server"
	}
	return "name", "web"
}

// A form is what HCL says about the form of a file, and how an operator understands it.
type form struct{ summary, message, hint string }

func forms() []form {
	return []form{
		{"Invalid multi-line string", "a text between quotes does not end on its line", `is the closing " missing?`},
		{"Unclosed configuration block", "this block is never closed", "is a } missing, here or in a block before?"},
		{"Invalid character encoding", "the file is not text in UTF-8", "is it the right file? An editor can save it as UTF-8"},
		{"Missing item separator", "two elements of a list without a comma between them", "write a comma after each element"},
		{"Unterminated tuple constructor expression", "this list is never closed", "is a ] missing?"},
		{"Missing newline after argument", "two keywords on one line", "put each keyword = value on a line of its own"},
		{"Missing newline after block definition", "something follows the } of a block", "put it on a line of its own"},
		{"Argument definition required", "a block on one line holds one keyword = value, and no other block", "put each block in it, and the closing }, on lines of their own"},
		{"Invalid single-argument block definition", "a block on one line holds one keyword only", "put each keyword and the closing } on lines of their own"},
		{"Invalid block definition", "this is neither keyword = value nor a block", "write an = before the value, or a { at the end of the line"},
		{"Argument or block definition required", "this is neither keyword = value nor a block", "write keyword = value; there is no : and no ; in between"},
		{"Invalid escape sequence", "a backslash stands before a character that it does not go with", `write a backslash that is meant as such twice: "\\d+"`},
		{"Missing dynamic content block", "dynamic has no content", "put what each block shall contain into content { … }"},
		{"Invalid dynamic for_each value", "for_each is neither a list nor a map", `write for_each = ["10.0.0.11", "10.0.0.12"], for example`},
		{"Extraneous dynamic content block", "dynamic has two content blocks", "put all into one"},
	}
}

// signature tells how a function is called when diag is about a call of it.
func signature(diag *hcl.Diagnostic) string {
	call, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](diag)
	if !ok {
		return ""
	}
	f, known := functions()[call.CalledFunctionName()]
	if !known {
		return ""
	}
	var names []string
	for _, p := range f.Params() {
		names = append(names, p.Name)
	}
	if p := f.VarParam(); p != nil {
		names = append(names, p.Name+"...")
	}
	return fmt.Sprintf("it is called as %s(%s)", call.CalledFunctionName(), strings.Join(names, ", "))
}

// rewordReference words what expressions refer to and nobody declared.
func (s *source) rewordReference(diag *hcl.Diagnostic) *hcl.Diagnostic {
	name := strings.TrimPrefix(s.text(*diag.Subject), ".")
	switch diag.Summary {
	case "Unsupported attribute":
		before := *diag.Subject
		before.End.Byte = before.Start.Byte
		before.Start.Byte = max(0, before.Start.Byte-len("var"))
		if !undeclared.MatchString(name) {
			return nil
		}
		if s.text(before) != "var" {
			return newProblem(*diag.Subject, fmt.Sprintf("there is no .%s in this value", name),
				"the element of a dynamic block has .key and .value; server has .address, .ip and .port")
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
