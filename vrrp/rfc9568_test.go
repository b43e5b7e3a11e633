package vrrp

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A requirement is a row of contrib/rfc9568.md.
type requirement struct {
	id, level, demand, how string
	tests                  [2][]string // that show it, and that fail when it is broken
	unbroken               string      // why nothing here breaks it; empty when tests fail
}

var (
	requirementID = regexp.MustCompile(`^R-[0-9]+(\.[0-9]+)*-[0-9]{2}$`)
	testName      = regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]+)`")
	rowCount      = regexp.MustCompile(`^([0-9]+) requirements\.$`)
)

// requirements reads the page, and holds the number of rows against what each section says.
func requirements(t *testing.T) []requirement {
	t.Helper()
	page, err := os.ReadFile("../contrib/rfc9568.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []requirement
	section, left := "", 0
	for line := range strings.SplitSeq(string(page), "\n") {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			wantRows(t, section, left)
			section, left = title, 0
		}
		if m := rowCount.FindStringSubmatch(line); m != nil {
			left, _ = strconv.Atoi(m[1])
		}
		if strings.HasPrefix(line, "| R-") {
			left--
			all = append(all, readRequirement(t, line))
		}
	}
	wantRows(t, section, left)
	return all
}

func wantRows(t *testing.T, section string, left int) {
	t.Helper()
	if left != 0 {
		t.Errorf("%s: %d rows are missing (or, below 0, too many)", section, left)
	}
}

func readRequirement(t *testing.T, line string) requirement {
	t.Helper()
	cells := strings.Split(strings.Trim(line, "| "), " | ")
	if len(cells) != 6 {
		t.Fatalf("row %q has %d columns, want 6", line, len(cells))
	}
	r := requirement{id: cells[0], level: cells[1], demand: cells[2], how: cells[3]}
	for i, cell := range cells[4:] {
		for _, m := range testName.FindAllStringSubmatch(cell, -1) {
			r.tests[i] = append(r.tests[i], m[1])
		}
	}
	if reason, ok := strings.CutPrefix(cells[5], "none: "); ok {
		r.unbroken = reason
	}
	return r
}

// testFunctions are the names of all tests and fuzz targets of the module, whatever their build tags.
func testFunctions(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range f.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil {
				out[fn.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestEveryRequirementOfTheRFCHasItsTest: the page has every requirement once, says how it is met, and names tests that exist.
func TestEveryRequirementOfTheRFCHasItsTest(t *testing.T) {
	const total = 120 // that RFC 9568 has by our count
	all, functions, seen := requirements(t), testFunctions(t), map[string]bool{}
	if len(all) != total {
		t.Errorf("the page has %d requirements, want %d", len(all), total)
	}
	for _, r := range all {
		if !requirementID.MatchString(r.id) || seen[r.id] {
			t.Errorf("%q is no id, or is there twice", r.id)
		}
		seen[r.id] = true
		if r.level == "" || r.demand == "" || r.how == "" {
			t.Errorf("%s has an empty column", r.id)
		}
		for i, column := range []string{"shows it", "fails when it is broken"} {
			if len(r.tests[i]) == 0 && (i == 0 || r.unbroken == "") {
				t.Errorf("%s names no test that %s", r.id, column)
			}
			for _, name := range r.tests[i] {
				if !functions[name] {
					t.Errorf("%s: there is no test %s", r.id, name)
				}
			}
		}
	}
}

// TestRequirementsNamedInTestsAreOnThePage finds ids that are misspelt where a test claims one.
func TestRequirementsNamedInTestsAreOnThePage(t *testing.T) {
	known := map[string]bool{}
	for _, r := range requirements(t) {
		known[r.id] = true
	}
	id := regexp.MustCompile(`\bR-[0-9][0-9.]*-[0-9]+\b`)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		b, err := os.ReadFile(path)
		for _, found := range id.FindAllString(string(b), -1) {
			if !known[found] {
				t.Errorf("%s names %s, which the page does not have", path, found)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
