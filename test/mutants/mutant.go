package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"strings"
)

// A mutant is a file with one thing changed.
type mutant struct {
	number   int // among all that are tried together
	file     string
	function string
	line     int
	what     string
	text     []byte // of the line
	begin    int    // where the body of the function begins in the file, after its brace
	body     []byte // what is between its braces
	results  string // as the function declares them; empty without any
}

// String returns where the mutant is, what is wrong with it, and the line as it is there: the words that a list of equivalent mutants
// knows it by, after the number of the line.
func (m mutant) String() string { return fmt.Sprintf("%s:%d: %s", m.file, m.line, m.key()) }

// key tells m from the other mutants of its file, whatever lines are added above it.
func (m mutant) key() string { return fmt.Sprintf("%s: %s: %s", m.function, m.what, m.text) }

// other is what a comparison or a connective is turned into.
var other = map[token.Token]token.Token{
	token.EQL: token.NEQ, token.NEQ: token.EQL,
	token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR,
	token.LAND: token.LOR, token.LOR: token.LAND,
	token.ADD: token.SUB, token.SUB: token.ADD,
}

// mutantsOf returns all mutants of a file, in the order of its lines.
func mutantsOf(file string) ([]mutant, error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, file, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	b := &breaker{file: file, src: src, set: set}
	for _, d := range tree.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil && f.Name.Name != "String" && !strings.HasSuffix(f.Name.Name, "Text") {
			b.function = f
			ast.Inspect(f.Body, b.visit)
		}
	}
	return b.mutants, b.err
}

// A breaker collects the mutants of one file.
type breaker struct {
	file     string
	function *ast.FuncDecl // that is looked at
	src      []byte
	set      *token.FileSet
	mutants  []mutant
	err      error
}

func (b *breaker) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		if to, ok := other[n.Op]; ok {
			b.replace(n.OpPos, n.OpPos+token.Pos(len(n.Op.String())), to.String(), fmt.Sprintf("%s instead of %s", to, n.Op))
		}
	case *ast.UnaryExpr:
		if n.Op == token.NOT {
			b.replace(n.OpPos, n.OpPos+1, "", "without the !")
		}
	case *ast.IfStmt:
		b.replace(n.Body.Lbrace+1, n.Body.Rbrace, "", "the branch does nothing")
	case *ast.CaseClause:
		b.dropCase(n)
	case *ast.CompositeLit:
		b.dropElements(n)
	case *ast.AssignStmt:
		b.dropAssignment(n)
	}
	return true
}

// dropCase empties a clause, so that its event does nothing; what follows the switch decides.
func (b *breaker) dropCase(n *ast.CaseClause) {
	if len(n.Body) == 0 {
		return
	}
	b.replace(n.Body[0].Pos(), n.Body[len(n.Body)-1].End(), "break", "the case does nothing")
}

// dropElements leaves out one element of a list of actions after the other.
func (b *breaker) dropElements(n *ast.CompositeLit) {
	if _, list := n.Type.(*ast.ArrayType); !list {
		return
	}
	for i, e := range n.Elts {
		end := e.End()
		if i+1 < len(n.Elts) {
			end = n.Elts[i+1].Pos()
		}
		b.replace(e.Pos(), end, "", "without "+b.text(e))
	}
}

// dropAssignment leaves out a change of the state.
func (b *breaker) dropAssignment(n *ast.AssignStmt) {
	if n.Tok != token.ASSIGN {
		return
	}
	for i, left := range n.Lhs {
		if _, field := left.(*ast.SelectorExpr); field {
			b.replace(left.Pos(), left.End(), "_", "without a new "+b.text(n.Lhs[i]))
		}
	}
}

func (b *breaker) text(n ast.Node) string {
	return string(b.src[b.offset(n.Pos()):b.offset(n.End())])
}

func (b *breaker) offset(p token.Pos) int { return b.set.Position(p).Offset }

// replace adds the mutant that has text between two places.
func (b *breaker) replace(from, to token.Pos, text, what string) {
	broken := bytes.Join([][]byte{b.src[:b.offset(from)], []byte(text), b.src[b.offset(to):]}, nil)
	if _, err := format.Source(broken); err != nil {
		b.err = fmt.Errorf("%s: %w", what, err)
		return
	}
	body := b.function.Body
	begin, rest := b.offset(body.Lbrace)+1, len(b.src)-b.offset(body.Rbrace)
	m := mutant{file: b.file, function: b.function.Name.Name, line: b.set.Position(from).Line, what: what, begin: begin}
	m.text = bytes.TrimSpace(bytes.Split(broken, []byte("\n"))[m.line-1])
	m.body = broken[begin : len(broken)-rest]
	if b.function.Type.Results != nil {
		m.results = b.text(b.function.Type.Results)
	}
	b.mutants = append(b.mutants, m)
}
