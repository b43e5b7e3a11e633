package conf

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// referenceExamples are the examples of the reference page: together they have every block and every keyword.
func referenceExamples(t testing.TB) []string {
	t.Helper()
	page, err := os.ReadFile("../contrib/reference.md")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range regexp.MustCompile("(?s)```hcl\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		out = append(out, m[1])
	}
	if len(out) < 30 {
		t.Fatalf("%d examples in the reference page, want 30 and more", len(out))
	}
	return out
}

// An edit replaces the bytes of r by text.
type edit struct {
	r    hcl.Range
	text string
}

func (e edit) of(source string) string {
	return source[:e.r.Start.Byte] + e.text + source[e.r.End.Byte:]
}

// oddValues are what an attribute of any type may turn out to be.
func oddValues() []string {
	return []string{`null`, `var.odd.unknown`, `""`, `-1`, `1e99`, `0.5`, `true`, `[]`, `{}`, `[null]`, `[[1], {a = 2}]`, `{ a = [null] }`, `"::ffff:10.0.0.1/129"`,
		`"${true ? null : ""}"`, `try(null, null)`}
}

// oddElements are what a dynamic block may be made for.
func oddElements() []string {
	return []string{`null`, `[]`, `[null]`, `[1, 1]`, `{ a = {} }`, `var.unknown`, `toset([])`, `"text"`}
}

// oddities are all edits of one place in source: each attribute has each odd value, and each block is there twice, not at all, without
// its labels, or made by a dynamic one.
func oddities(t *testing.T, source string) []edit {
	t.Helper()
	file, diags := hclsyntax.ParseConfig([]byte(source), "example.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	var out []edit
	var walk func(body *hclsyntax.Body)
	walk = func(body *hclsyntax.Body) {
		for _, a := range body.Attributes {
			for _, v := range oddValues() {
				out = append(out, edit{a.Expr.Range(), v})
			}
		}
		for _, b := range body.Blocks {
			out = append(out, oddBlocks(source, b)...)
			walk(b.Body)
		}
	}
	walk(file.Body.(*hclsyntax.Body))
	return out
}

func oddBlocks(source string, b *hclsyntax.Block) []edit {
	r := hcl.RangeBetween(b.TypeRange, b.CloseBraceRange)
	text := string(r.SliceBytes([]byte(source)))
	inside := source[b.OpenBraceRange.End.Byte:b.CloseBraceRange.Start.Byte]
	out := []edit{{r, text + "\n" + text}, {r, ""}, {r, b.Type + " {\n" + inside + "\n}"}, {r, b.Type + strings.Repeat(` ""`, len(b.Labels)) + " {}"}}
	if b.Type == "dynamic" || b.Type == "content" {
		return out
	}
	for _, elements := range oddElements() {
		labels := ""
		if len(b.Labels) > 0 {
			labels = fmt.Sprintf("labels = [%q]\n", b.Labels[0])
		}
		out = append(out, edit{r, fmt.Sprintf("dynamic %q {\nfor_each = %s\n%scontent {\n%s\n}\n}", b.Type, elements, labels, inside)})
	}
	return out
}

// TestOddConfigurationsAreComplainedAboutOrLoaded: nulls, unknown values, values of other types and dynamic blocks, wherever they stand,
// lead to a configuration or to errors with a place, never to a panic.
func TestOddConfigurationsAreComplainedAboutOrLoaded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "odd.hcl")
	for i, example := range referenceExamples(t) {
		edits := oddities(t, example)
		if testing.Short() {
			edits = slices.DeleteFunc(edits, func(edit) bool { i++; return i%29 != 0 })
		}
		for _, e := range edits {
			loadOdd(t, path, e.of(example))
		}
	}
}

func loadOdd(t *testing.T, path, text string) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("panic: %v\n%s", p, text)
		}
	}()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, diags := Load([]string{path}, nil)
	if (c == nil) != diags.HasErrors() {
		t.Errorf("config %v with diagnostics %v, want one or the other:\n%s", c != nil, diags, text)
	}
	if err := Write(io.Discard, diags); err != nil {
		t.Error(err)
	}
	if c == nil {
		return
	}
	for _, r := range c.Routers {
		if err := r.Validate(); err != nil {
			t.Errorf("router %q passes Load and is not valid: %v\n%s", r.Name, err, text)
		}
	}
}
