package conf

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// The parser and the evaluator of HCL recurse, and a goroutine's stack that overflows ends the process: no recover helps
// (hcl issue 809). So the tokens are counted first; the lexer keeps its state on the heap.
const (
	maxNesting = 200  // of braces, brackets, parentheses, quotes, heredocs, interpolations and template directives
	maxDepth   = 1000 // the same, and the operators on the way down: -----1, a ? b : c ? d : e, x[0][0][0]
	maxDigits  = 80   // of a number; 1e999999999 is a gigabyte when it is turned into text
)

// tooDeep returns a diagnostic when parsing or evaluating src, which begins at start, would need too much stack.
func tooDeep(src []byte, name string, start hcl.Pos) *hcl.Diagnostic {
	tokens, _ := hclsyntax.LexConfig(src, name, start) // what the lexer finds wrong, the parser finds again
	n := nesting{levels: []level{{}}}
	for i, t := range tokens {
		if t.Type == hclsyntax.TokenNumberLit && hugeNumber(string(t.Bytes)) {
			return newProblem(t.Range, "the number is too long", fmt.Sprintf("write at most %d digits, and an exponent of at most 99", maxDigits))
		}
		if t.Type == hclsyntax.TokenComment && bytes.HasSuffix(t.Bytes, []byte("\n")) {
			t.Type = hclsyntax.TokenNewline // a comment to the end of a line swallows it
		}
		n.token(t.Type)
		if t.Type == hclsyntax.TokenTemplateControl {
			n.directive(tokens[i+1:])
		}
		if len(n.levels)+n.directives > maxNesting || n.depth > maxDepth {
			return newProblem(t.Range, fmt.Sprintf("nested more than %d deep", maxNesting),
				"is a closing bracket, brace or quote missing further up?")
		}
	}
	return nil
}

func hugeNumber(s string) bool {
	_, exponent, _ := strings.Cut(strings.ToLower(s), "e")
	return len(s) > maxDigits || len(strings.TrimLeft(exponent, "+-")) > 2
}

// nesting is how deep a parser would be after the tokens so far.
type nesting struct {
	levels     []level
	directives int // %{ if } and %{ for } that are open in templates
	depth      int // of levels, and of the operators and directives in them
}

// A level is one open bracket of any kind.
type level struct {
	open      hclsyntax.TokenType // TokenNil for the file itself
	operators int                 // since the last separator; each may be one more call on the parser's stack

	directives int // of a template: open ones
}

func (n *nesting) token(t hclsyntax.TokenType) {
	switch t {
	case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc,
		hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
		n.operator() // x[0][0] nests as deep as it is long, and so does f(1)
		n.push(t)
	case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc,
		hclsyntax.TokenTemplateSeqEnd:
		n.pop()
	case hclsyntax.TokenComma:
		n.separator()
	case hclsyntax.TokenNewline:
		if open := n.top().open; open == hclsyntax.TokenNil || open == hclsyntax.TokenOBrace {
			n.separator() // within other brackets a line end ends nothing
		}
	case hclsyntax.TokenIdent, hclsyntax.TokenNumberLit, hclsyntax.TokenQuotedLit, hclsyntax.TokenStringLit,
		hclsyntax.TokenComment, hclsyntax.TokenEqual, hclsyntax.TokenColon, hclsyntax.TokenFatArrow:
	default:
		n.operator()
	}
}

func (n *nesting) top() *level { return &n.levels[len(n.levels)-1] }

func (n *nesting) push(t hclsyntax.TokenType) {
	n.levels = append(n.levels, level{open: t})
	n.depth++
}

func (n *nesting) pop() {
	if len(n.levels) == 1 {
		return // a closing bracket too many: the parser says so
	}
	n.separator()
	n.count(n.top(), -n.top().directives)
	n.levels = n.levels[:len(n.levels)-1]
	n.depth--
	if n.top().open == hclsyntax.TokenOQuote || n.top().open == hclsyntax.TokenOHeredoc {
		n.separator() // the parts of a template stand side by side
	}
}

func (n *nesting) operator() {
	n.top().operators++
	n.depth++
}

func (n *nesting) separator() {
	n.depth -= n.top().operators
	n.top().operators = 0
}

// directive counts %{ if x }, which reaches to its %{ endif } although its own bracket closes. rest follows the opening.
func (n *nesting) directive(rest hclsyntax.Tokens) {
	if len(rest) == 0 || len(n.levels) < 2 {
		return
	}
	template := &n.levels[len(n.levels)-2]
	switch string(rest[0].Bytes) {
	case "if", "for":
		n.count(template, 1)
	case "endif", "endfor":
		n.count(template, -min(1, template.directives))
	}
}

func (n *nesting) count(template *level, directives int) {
	template.directives += directives
	n.directives += directives
	n.depth += directives
}
