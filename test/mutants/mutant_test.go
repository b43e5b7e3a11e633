package main

import (
	"go/format"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sound = `package p

type state struct{ role int }

func (s state) step(a, b int) (state, []int) {
	if a < b && !(a == 0) {
		s.role = 1
	}
	return s, []int{a, b}
}

func quiet() {
	if true {
		println()
	}
}
`

// written returns the path of a file with the text.
func written(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "p.go")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMutantsChangeOneThingEach(t *testing.T) {
	mutants, err := mutantsOf(written(t, sound))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range mutants {
		got = append(got, m.key())
	}
	want := []string{
		"step: the branch does nothing: if a < b && !(a == 0) {}",
		"step: || instead of &&: if a < b || !(a == 0) {",
		"step: <= instead of <: if a <= b && !(a == 0) {",
		"step: without the !: if a < b && (a == 0) {",
		"step: != instead of ==: if a < b && !(a != 0) {",
		"step: without a new s.role: _ = 1",
		"step: without a: return s, []int{b}",
		"step: without b: return s, []int{a, }",
		"quiet: the branch does nothing: if true {}",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mutants (-want +got):\n%s", diff)
	}
}

// All mutants are in one program, each behind its number, and in their own lines for what the compiler says of them.
func TestFunctionsBeginWithTheirMutants(t *testing.T) {
	path := written(t, sound)
	mutants, err := mutantsOf(path)
	if err != nil {
		t.Fatal(err)
	}
	refused := map[int]bool{}
	if !refuse(refused, []byte("vrrp/mutant0:2:3: declared and not used\nvrrp/mutant12:1:1: missing return\n")) || !refused[0] || !refused[12] || len(refused) != 2 {
		t.Errorf("the compiler refused %v, want 0 and 12", refused)
	}
	if refuse(refused, []byte("vrrp/machine.go:3:1: syntax error")) {
		t.Error("a mistake in no mutant is taken for one")
	}
	text, err := withMutants(path, mutants, refused)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := format.Source(text); err != nil {
		t.Errorf("the program is none: %v", err)
	}
	for _, want := range []string{
		"case \"1\":\nreturn func() (state, []int) {\n//line mutant1:1\n\n\tif a < b || !(a == 0) {",
		"case \"8\":\nfunc()  {\n//line mutant8:1\n\n\tif true {}\n\n}(); return",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(string(text), `case "0":`) {
		t.Error("what the compiler refuses is there again")
	}
}

func TestEquivalentMutantsAreNotTried(t *testing.T) {
	mutants, err := mutantsOf(written(t, sound))
	if err != nil {
		t.Fatal(err)
	}
	list := equivalents("# a comment\n\np.go: quiet: the branch does nothing: if true {}\n\tbecause.\n")
	left, err := without(mutants, list["p.go"])
	if err != nil || len(left) != len(mutants)-1 {
		t.Errorf("%d of %d left, %v; want one less", len(left), len(mutants), err)
	}
	if _, err := without(mutants, []string{"quiet: gone"}); err == nil {
		t.Error("no error for an entry that is out of date")
	}
}
