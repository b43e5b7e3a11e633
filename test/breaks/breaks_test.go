package main

import (
	"errors"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const root = "../.."

var testName = regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]+)`")

// pageRows returns the last column of contrib/rfc9568.md by the id of the requirement.
func pageRows(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "contrib/rfc9568.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := make(map[string]string)
	for line := range strings.Lines(string(page)) {
		if !strings.HasPrefix(line, "| R-") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		rows[cells[0]] = cells[len(cells)-1]
	}
	return rows
}

func mustParse(t *testing.T) []entry {
	t.Helper()
	entries, err := parse(breaksText)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// TestPageNamesTheTestsThatBreaksMakeRed: the last column of the page is what `make breaks` proves, or says why there is nothing to prove.
func TestPageNamesTheTestsThatBreaksMakeRed(t *testing.T) {
	rows, proven := pageRows(t), make(map[string][]string)
	for _, e := range mustParse(t) {
		for _, id := range e.ids {
			proven[id] = append(proven[id], e.tests...)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(rows)) {
		var named []string
		for _, m := range testName.FindAllStringSubmatch(rows[id], -1) {
			named = append(named, m[1])
		}
		reason, unbroken := strings.CutPrefix(rows[id], "none: ")
		if unbroken {
			if len(proven[id]) > 0 || strings.TrimSpace(reason) == "" {
				t.Errorf("%s: the page says %q, and breaks.txt has a break of it, or there is no reason", id, rows[id])
			}
			continue
		}
		slices.Sort(named)
		slices.Sort(proven[id])
		if diff := cmp.Diff(named, slices.Compact(proven[id])); diff != "" {
			t.Errorf("%s (-page +breaks.txt):\n%s", id, diff)
		}
	}
	for id := range proven {
		if _, ok := rows[id]; !ok {
			t.Errorf("breaks.txt breaks %s, which the page does not have", id)
		}
	}
}

// TestBreaksFitTheCode: each break finds what it changes, once, and leaves a file that can be read as Go. Who changes such a line writes
// the break anew.
func TestBreaksFitTheCode(t *testing.T) {
	for _, e := range mustParse(t) {
		files, err := e.broken(root)
		if err != nil {
			t.Errorf("breaks.txt:%d: %s: %v", e.line, e, err)
			continue
		}
		for name, text := range files {
			if _, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution); err != nil {
				t.Errorf("breaks.txt:%d: %s: %v", e.line, e, err)
			}
		}
	}
}

// TestBreaksNameTestsThatRunHere: each test exists once in the tree, and needs no other kernel.
func TestBreaksNameTestsThatRunHere(t *testing.T) {
	t.Chdir(root)
	var files []string
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		files = append(files, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	places, err := findTests(files)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range mustParse(t) {
		for _, name := range e.tests {
			if p := places[name]; p.folder == "" || p.tag != "" && p.tag != "netns" {
				t.Errorf("breaks.txt:%d: %s: %s is in folder %q with the tag %q, want one test without a tag or with netns", e.line, e, name, p.folder, p.tag)
			}
		}
	}
}

func TestParseNamesTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"@a.go\n":                                "breaks.txt:1: no requirement goes before it",
		"R-1-01 TestA\n-x\n":                     "breaks.txt:2: no line with @ says which file \"-x\" is of",
		"R-1-01 TestA\n@a.go\n*x\n-y\n":          "breaks.txt:3: \"*x\" begins with none of @, - and +",
		"# x\nR-1-01\n@a.go\n-x\n+y\n":           "breaks.txt:2: R-1-01: it lacks a test or a place",
		"R-1-01 R-2.5-01 TestA\n@a.go\n-x\n+x\n": "breaks.txt:1: R-1-01 R-2.5-01: nothing changes in a.go",
	} {
		if _, err := parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestBrokenFileHasTheTextOnce(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.go"), []byte("one\ntwo\ntwo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	right := entry{hunks: []hunk{{"a.go", "one\ntwo\n", "three\n"}, {"a.go", "three\n", "four\n"}}}
	files, err := right.broken(dir)
	if diff := cmp.Diff(map[string]string{"a.go": "four\ntwo\n"}, files); diff != "" || err != nil {
		t.Errorf("error %v, files (-want +got):\n%s", err, diff)
	}
	for _, old := range []string{"two\n", "five\n"} {
		if _, err := (entry{hunks: []hunk{{"a.go", old, "x\n"}}}).broken(dir); err == nil {
			t.Errorf("no error for %q", old)
		}
	}
}

func TestTestOfTwoFoldersIsInNone(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"a_test.go":   "package a\n\nfunc TestA(t *testing.T) {}\nfunc TestB(t *testing.T) {}\n",
		"b/b_test.go": "//go:build netns\n\npackage b\n\nfunc TestB(t *testing.T) {}\nfunc FuzzC(f *testing.F) {}\n",
	} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := findTests([]string{"a_test.go", "b/b_test.go", "gone_test.go", "main.go"})
	want := map[string]place{"TestA": {folder: "./."}, "TestB": {}, "FuzzC": {"./b", "netns"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(place{})); diff != "" || err != nil {
		t.Errorf("error %v, places (-want +got):\n%s", err, diff)
	}
}

// A break leaves the tree as it was.
func TestTreeIsMended(t *testing.T) {
	dir := tree(t.TempDir())
	file := filepath.Join(string(dir), "run.sh")
	if err := os.WriteFile(file, []byte("sound"), 0o700); err != nil {
		t.Fatal(err)
	}
	sound, err := dir.write(map[string]string{"run.sh": "broken"})
	if b, _ := os.ReadFile(file); string(b) != "broken" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	_, err = dir.write(sound)
	b, _ := os.ReadFile(file)
	if info, statErr := os.Stat(file); string(b) != "sound" || errors.Join(err, statErr) != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%q, %v, %v", b, info, errors.Join(err, statErr))
	}
}

// Each output is that of a test binary; only an assertion of the right row counts.
func TestJudgeDemandsAnAssertion(t *testing.T) {
	const told = "    a_test.go:7: got 1,\n        want 2\n"
	rows := func(first, second string) string {
		return told + "--- FAIL: TestA (0.00s)\n    --- " + first + ": TestA/one_(R-1-01) (0.00s)\n    --- " + second + ": TestA/two_(R-2.5-01) (0.00s)\nFAIL\n"
	}
	for _, tt := range []struct{ name, out, said, err string }{
		{"red", told + "--- FAIL: TestA (0.00s)\nFAIL\n", "TestA: a_test.go:7: got 1, want 2", ""},
		{"the row is red", rows("FAIL", "PASS"), "TestA: a_test.go:7: got 1, want 2", ""},
		{"another row is red", rows("PASS", "FAIL"), "", "TestA has rows of R-1-01, and they pass: is not noticed"},
		{"green", "--- PASS: TestA (0.00s)\nPASS\n", "", "TestA is not noticed"},
		{"skipped", "--- SKIP: TestA (0.00s)\nPASS\n", "", "TestA neither passed nor failed"},
		{"not there", "testing: warning: no tests to run\nPASS\n", "", "TestA neither passed nor failed"},
		{"panic", "--- FAIL: TestA (0.00s)\npanic: nil [recovered]\n", "", "TestA does not assert, it dies: panic: nil"},
		{"too long", "panic: test timed out after 1s\n", "", "dies: panic: test timed out"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			said, err := judge("=== RUN   TestA\n"+tt.out, "TestA", []string{"R-1-01"})
			if said != tt.said || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%q, %v; want %q, %q", said, err, tt.said, tt.err)
			}
		})
	}
}
