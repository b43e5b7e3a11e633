package conf

import (
	"regexp"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// A diagnostic shows its source line, and people paste diagnostics into tickets. So the values of passwords, and of variables that
// passwords are made of, are blotted out.

// blot is what stands for a secret of any length.
const blot = `"***"`

var (
	secretName = regexp.MustCompile(`(?i)pass|secret|token|credential|^hex$`)
	// secretLine finds secrets in a file that does not parse, where a syntax tree would miss them.
	secretLine = regexp.MustCompile(`(?i)(?:pass|secret|token|credential|\bhex\b)[\w-]*"?\s*[=:]\s*`)
	// bareSecretLine does so in a file of another language, which has a blank where ours has the = sign.
	bareSecretLine = regexp.MustCompile(`(?i)(?:pass|secret|token|credential|\bhex\b)[\w-]*"?\s+([^\s={:].*)$`)
	// defaultLine does so for a variable whose name is on another line.
	defaultLine = regexp.MustCompile(`\bdefault\s*=\s*`)
)

// secrets returns where values are that nobody should read.
func (s *source) secrets() []hcl.Range {
	var out []hcl.Range
	names := map[string]bool{}
	for body := range s.bodies() {
		walk(body, "", func(block string, a *hclsyntax.Attribute) {
			if !isSecret(block, a.Name) {
				return
			}
			out = append(out, a.Expr.Range())
			for _, t := range a.Expr.Variables() {
				if len(t) > 1 && t.RootName() == "var" {
					if step, ok := t[1].(hcl.TraverseAttr); ok {
						names[step.Name] = true
					}
				}
			}
		})
	}
	for _, file := range s.names {
		for _, b := range s.blocks(file) {
			if b.Type == "variable" && len(b.Labels) == 1 && (names[b.Labels[0]] || secretName.MatchString(b.Labels[0])) {
				walk(b.Body, b.Type, func(_ string, a *hclsyntax.Attribute) { out = append(out, a.Expr.Range()) })
			}
		}
	}
	return out
}

// isSecret reports whether a keyword holds a secret. In the blocks that are there for one, so does whatever may be a misspelling of it.
func isSecret(block, keyword string) bool {
	switch block {
	case "key":
		return keyword != "file"
	case "authentication":
		return keyword != "type"
	}
	return secretName.MatchString(keyword)
}

// walk calls f with each attribute in body, the one of a block of that type, and in the blocks within.
func walk(body *hclsyntax.Body, block string, f func(block string, a *hclsyntax.Attribute)) {
	for _, a := range body.Attributes {
		f(block, a)
	}
	for _, b := range body.Blocks {
		walk(b.Body, innermost(b, block), f)
	}
}

// innermost is the type of b, and of a block that a dynamic one makes the type of that.
func innermost(b *hclsyntax.Block, outer string) string {
	switch {
	case b.Type == "dynamic" && len(b.Labels) == 1:
		return b.Labels[0]
	case b.Type == "content":
		return outer
	}
	return b.Type
}

// hidden returns the bytes from and to between which a line of file, which starts at byte start, is secret; equal when none are.
func hidden(line, file string, start int, secrets []hcl.Range, parsed bool) (from, to int) {
	end := start + len(line)
	from = end
	for _, r := range secrets {
		if r.Filename == file && r.Start.Byte < end && r.End.Byte > start {
			from, to = min(from, max(r.Start.Byte, start)-start), max(to, min(r.End.Byte, end)-start)
		}
	}
	if m := secretLine.FindStringIndex(line); m != nil && m[1] < from {
		from, to = m[1], len(line)
	}
	if m := bareSecretLine.FindStringSubmatchIndex(line); m != nil && !parsed {
		from, to = min(from, m[2]), len(line)
	}
	if m := defaultLine.FindStringIndex(line); m != nil && !parsed {
		from, to = min(from, m[1]), len(line)
	}
	return min(from, to), to
}
