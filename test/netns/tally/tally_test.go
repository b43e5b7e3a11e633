package main

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// stream writes events as go test does: "action test output".
func stream(t *testing.T, lines ...string) string {
	t.Helper()
	var b strings.Builder
	for _, line := range lines {
		words := append(strings.SplitN(line, " ", 3), "", "")
		ev := event{Action: words[0], Package: "p", Test: words[1], Output: words[2]}
		if strings.HasPrefix(ev.Action, "build") {
			ev = event{Action: words[0], ImportPath: words[1], Output: words[2]}
		}
		if err := json.NewEncoder(&b).Encode(ev); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestCounting(t *testing.T) {
	tests := []struct {
		name   string
		events []string
		want   count
		shown  string // part of what is printed
		hidden string
	}{
		{"pass, fail and skip", []string{
			"run A", "output A quiet", "pass A", "run B", "output B loud", "fail B", "run C", "skip C", "fail",
		}, count{1, 1, 1}, "loud", "quiet"},
		{"subtests, not their parent", []string{
			"run A", "run A/x", "run A/y", "pass A/x", "pass A/y", "pass A", "pass",
		}, count{passed: 2}, "pass  p: 2 passed", ""},
		{"a failed subtest once", []string{
			"run A", "run A/x", "output A/x why", "run A/y", "fail A/x", "pass A/y", "fail A", "fail",
		}, count{1, 1, 0}, "why", ""},
		{"a failed subtest of a subtest once", []string{
			"run A", "run A/x", "run A/x/1", "fail A/x/1", "fail A/x", "fail A", "fail",
		}, count{failed: 1}, "", ""},
		{"a parent that fails by itself", []string{
			"run A", "run A/x", "pass A/x", "output A after", "fail A", "fail",
		}, count{1, 1, 0}, "after", ""},
		{"a package that dies within a test", []string{
			"run TestA", "output TestA last words", "output  exit status 2", "fail",
		}, count{failed: 1}, "last words", ""},
		{"a package that does not build", []string{
			"build-output q x.go:1: undefined: y", "build-fail q", "output  FAIL p [build failed]", "fail",
		}, count{failed: 1}, "undefined: y", ""},
		{"a package without tests", []string{"output  ? p [no test files]", "skip"}, count{}, "", "no test files"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			got, _, err := countJSON(strings.NewReader(stream(t, tt.events...)), &out)
			if err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if !strings.Contains(out.String(), tt.shown) {
				t.Errorf("printed %q, want %q in it", out.String(), tt.shown)
			}
			if tt.hidden != "" && strings.Contains(out.String(), tt.hidden) {
				t.Errorf("printed %q, want no %q", out.String(), tt.hidden)
			}
		})
	}
}

func TestSuiteVerdicts(t *testing.T) {
	pass := strings.ReplaceAll(stream(t, "run A", "pass A", "pass"), "\n", "\\n")
	fail := strings.ReplaceAll(stream(t, "run A", "fail A", "fail"), "\n", "\\n")
	tests := []struct {
		name  string
		suite suite
		want  count
	}{
		{"a check that passes", suite{command: "true"}, count{passed: 1}},
		{"a check that fails", suite{command: "false"}, count{failed: 1}},
		{"tests that pass", suite{command: "printf '" + pass + "'", json: true}, count{passed: 1}},
		{"tests that fail count once", suite{command: "printf '" + fail + "'; exit 1", json: true}, count{failed: 1}},
		{"tests that pass, and then go complains", suite{command: "printf '" + pass + "'; exit 1", json: true}, count{1, 1, 0}},
		{"no test at all", suite{command: "true", json: true}, count{failed: 1}},
		{"no such command", suite{command: "/nonexistent", json: true}, count{failed: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			got, again, err := tt.suite.run(&out)
			if err != nil || got != tt.want || again != 0 {
				t.Errorf("got %v, %d again, %v, want %v; printed %q", got, again, err, tt.want, out.String())
			}
		})
	}
}

func TestTimedSuitePlaysAgainWhatFailed(t *testing.T) {
	const start = `case "$TALLY_ONLY" in "") `
	pass, fail := stream(t, "run A", "pass A", "run B", "run B/x", "fail B/x", "fail B", "fail"), stream(t, "run B", "run B/x", "fail B/x", "fail B", "fail")
	well := stream(t, "run B", "run B/x", "pass B/x", "pass B", "pass")
	many := stream(t, "run A", "fail A", "run B", "fail B", "run C", "fail C", "run D", "fail D", "run E", "fail E", "run F", "fail F", "fail")
	say := func(first, again string) string {
		return start + "printf '" + first + "'; exit 1;; 'p B/x') printf '" + again + "';; *) exit 2; esac"
	}
	tests := []struct {
		name  string
		suite suite
		want  count
		again int
	}{
		{"and it passes", suite{command: say(pass, well), json: true, timed: true}, count{passed: 2}, 1},
		{"and it fails", suite{command: say(pass, fail), json: true, timed: true}, count{1, 1, 0}, 0},
		{"and it does not run", suite{command: say(pass, ""), json: true, timed: true}, count{1, 1, 0}, 0},
		{"but not of another suite", suite{command: say(pass, well), json: true}, count{1, 1, 0}, 0},
		{"but not when most of it is wrong", suite{command: say(many, well), json: true, timed: true}, count{failed: 6}, 0},
		{"but not what failed outside of a test", suite{command: start + "exit 1;; *) printf '" + well + "'; esac", json: true, timed: true}, count{failed: 1}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			got, again, err := tt.suite.run(&out)
			if err != nil || got != tt.want || again != tt.again {
				t.Errorf("got %v, %d again, %v, want %v, %d again; printed %q", got, again, err, tt.want, tt.again, out.String())
			}
		})
	}
	if got, want := onlyArguments(failure{"p/q", "TestA/x+y/z"}.String()), `-run=^TestA$/^x\+y$/^z$ -parallel=1 p/q`; got != want {
		t.Errorf("one test is chosen by %q, want %q", got, want)
	}
}

func TestTaggedFindsTheTestsOfATag(t *testing.T) {
	file := func(lines ...string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(strings.Join(lines, "\n"))}
	}
	tree := fstest.MapFS{
		"a/plain_test.go":      file("package a", "func TestPlain(t *T) {}"),
		"a/lab_test.go":        file("//go:build lab", "", "package a", "func TestLab(t *T) {}", "func helper() {}", "func TestMain(m *M) {}"),
		"b/c/lab_test.go":      file("//go:build linux && lab", "", "package c", "func TestDeep(t *T) {}", "func (x X) TestMethod() {}"),
		"b/either_test.go":     file("//go:build lab || netns", "", "package b", "func TestEither(t *T) {}"),
		"b/not_test.go":        file("//go:build !lab", "", "package b", "func TestNot(t *T) {}"),
		"b/interop_ka_test.go": file("//go:build netns", "", "package b", "func TestInterop(t *T) {}"),
		"b/lab.go":             file("//go:build lab", "", "package b", "func TestIsNoTest() {}"),
	}
	tests := []struct {
		want selection
		line string
	}{
		{selection{tag: "lab"}, "-run=^(TestDeep|TestEither|TestLab)$ ./a ./b ./b/c"},
		{selection{tag: "netns", in: "interop_"}, "-run=^(TestInterop)$ ./b"},
		{selection{tag: "netns", out: "interop_"}, "-run=^(TestEither)$ ./b"},
	}
	for _, tt := range tests {
		got, err := tt.want.arguments(tree)
		if diff := cmp.Diff(tt.line, got); err != nil || diff != "" {
			t.Errorf("%+v: %v (-want +got)\n%s", tt.want, err, diff)
		}
	}
	if got, err := (selection{tag: "other"}).arguments(tree); err == nil {
		t.Errorf("a tag without tests gives %q, want an error", got)
	}
}
