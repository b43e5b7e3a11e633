package conf

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
)

// TestDeepFilesAreRefused: enough of each of these ends the process when it reaches the parser or the evaluator.
func TestDeepFilesAreRefused(t *testing.T) {
	const n = 10_000
	for _, tc := range []struct{ name, text string }{
		{"brackets", "a = " + strings.Repeat("[", n)},
		{"parentheses", "a = " + strings.Repeat("(", n) + "1" + strings.Repeat(")", n)},
		{"objects", "a = " + strings.Repeat("{a=", n)},
		{"blocks", strings.Repeat("a {\n", n)},
		{"interpolations", "a = " + strings.Repeat(`"${`, n)},
		{"heredocs", "a = " + strings.Repeat("<<E\n${", n)},
		{"directives", `a = "` + strings.Repeat("%{ if true }", n) + `"`},
		{"loops", `a = "` + strings.Repeat("%{ for x in y }", n) + `"`},
		{"minus signs", "a = " + strings.Repeat("-", n) + "1"},
		{"negations", "a = " + strings.Repeat("!", n) + "true"},
		{"conditions", "a = " + strings.Repeat("true ? 1 : ", n) + "1"},
		{"sums", "a = 1" + strings.Repeat(" + 1", n)},
		{"sums over lines", "a = (1" + strings.Repeat(" +\n 1", n) + ")"},
		{"indexes", "a = x" + strings.Repeat("[0]", n)},
		{"splats", "a = x" + strings.Repeat("[*]", n)},
		{"attributes", "a = x[0]" + strings.Repeat(".y", n)},
		{"calls in calls", "a = " + strings.Repeat("f(", n)},
		{"huge number", "a = 1e999999999"},
		{"long number", "a = " + strings.Repeat("9", n)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			diag := tooDeep([]byte(tc.text), "x.hcl", hcl.InitialPos)
			if diag == nil {
				t.Fatal("the file would be parsed, want it refused")
			}
			if diag.Subject.Start.Line == 0 || diag.Summary == "" || diag.Detail == "" {
				t.Errorf("diagnostic %+v has no place or no hint", diag)
			}
			if got := diagnose(t, nil, file(t, tc.text)); len(got) > 2000 {
				t.Errorf("the diagnostic has %d bytes, want a few lines:\n%.500s", len(got), got)
			}
		})
	}
}

// TestWorstAllowedNestingIsHarmless parses and evaluates what is just not refused, each kind on top of the other.
func TestWorstAllowedNestingIsHarmless(t *testing.T) {
	for _, text := range []string{
		"source = " + strings.Repeat("[", 195) + strings.Repeat("]", 195),
		"source = " + strings.Repeat("(!!!", 190) + "true" + strings.Repeat(")", 190),
		"source = " + strings.Repeat("(true ? 1 : ", 190) + "1" + strings.Repeat(")", 190),
		`source = "` + strings.Repeat("%{ if true }", 190) + strings.Repeat("%{ endif }", 190) + `"`,
		"source = " + strings.Repeat("-", 990) + "1",
		"source = 1" + strings.Repeat(" + 1", 990),
	} {
		body := "vrrp_instance \"web\" {\n" + text + "\n}\n"
		if d := tooDeep([]byte(body), "x.hcl", hcl.InitialPos); d != nil {
			t.Errorf("%.40s… is refused: %s", text, d.Summary)
			continue
		}
		if got := diagnose(t, nil, file(t, body)); !strings.Contains(got, "source") {
			t.Errorf("%.40s…: the value is not complained about:\n%s", text, got)
		}
	}
}

// TestWideFilesAreFine: what stands side by side does not nest, however much of it there is.
func TestWideFilesAreFine(t *testing.T) {
	var list, text strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&list, `"${"10.0"}.%d.${%d}", `, i%256, i)
		fmt.Fprintf(&text, "a%d = -1 + x[0].y - f(1) /* ( */ # [\n", i)
	}
	for _, tc := range []struct{ name, text string }{
		{"list", "a = [" + list.String() + "]"},
		{"keywords", text.String()},
		{"template", `a = "` + strings.Repeat("${x}%{ if y }${x[0]}%{ else }z%{ endif }", 5000) + `"`},
		{"heredoc", "a = <<-E\n" + strings.Repeat("${x} (((\n", 5000) + "E\n"},
		{"object", "a = {\n" + strings.Repeat("b = -1\n", 5000) + "}"},
		{"quoted brackets", `a = "` + strings.Repeat("[{(", 5000) + `"`},
		{"closing brackets only", strings.Repeat("])}", 5000)},
	} {
		if d := tooDeep([]byte(tc.text), "x.hcl", hcl.InitialPos); d != nil {
			t.Errorf("%s is refused at %s: %s", tc.name, d.Subject, d.Summary)
		}
	}
}
