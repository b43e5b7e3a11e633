package conf

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// diagnose is what Write prints about the files.
func diagnose(t *testing.T, vars map[string]string, paths ...string) string {
	t.Helper()
	c, diags := Load(paths, vars)
	if (c == nil) != diags.HasErrors() {
		t.Fatalf("config %v comes with errors %v, want one or the other", c, diags)
	}
	var b strings.Builder
	if err := Write(&b, diags); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestBrokenFilesSayWhatToWriteInstead(t *testing.T) {
	files, err := filepath.Glob("testdata/broken/*.hcl")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d broken files (%v), want 40 and more", len(files), err)
	}
	t.Chdir("testdata/broken")
	for _, file := range files {
		file = filepath.Base(file)
		t.Run(strings.TrimSuffix(file, ".hcl"), func(t *testing.T) {
			got := diagnose(t, nil, file)
			golden := strings.TrimSuffix(file, ".hcl") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("diagnostics of %s (-want +got):\n%s", file, diff)
			}
			everyMistakeIsPlaced(t, file, got)
		})
	}
}

var (
	head   = regexp.MustCompile(`(?m)^\S+\.hcl:\d+,\d+: .+\n +\d+ \| .*\n +\| [\s ]*\^+$`)
	whole  = regexp.MustCompile(`(?m)^\S+\.hcl: .+\n +hint: .+$`)
	secret = regexp.MustCompile(`hunter2|12345678`)
)

// everyMistakeIsPlaced checks the form that all diagnostics have in common.
func everyMistakeIsPlaced(t *testing.T, file, got string) {
	t.Helper()
	n := len(regexp.MustCompile(`(?m)^\S+\.hcl:`).FindAllString(got, -1))
	if placed := len(head.FindAllString(got, -1)) + len(whole.FindAllString(got, -1)); n == 0 || placed != n {
		t.Errorf("%s: %d of %d diagnostics have a place and a source line with a caret:\n%s", file, placed, n, got)
	}
	if s := secret.FindString(got); s != "" {
		t.Errorf("%s: the diagnostics show the secret %q:\n%s", file, s, got)
	}
	if strings.Contains(got, "\x1b") {
		t.Errorf("%s: the diagnostics carry a control character of the file", file)
	}
}

// TestTreesThatAreNotKeptAreToldAlike appends so many comments to the broken files that their virtual servers are parsed twice.
func TestTreesThatAreNotKeptAreToldAlike(t *testing.T) {
	files, err := filepath.Glob("testdata/broken/*.hcl")
	if err != nil {
		t.Fatal(err)
	}
	padding := []byte("\n" + strings.Repeat("# nothing to say\n", 1+keptSize/len("# nothing to say\n")))
	large := t.TempDir()
	broken, err := filepath.Abs("testdata/broken")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, file := range files {
		file = filepath.Base(file)
		t.Chdir(broken)
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, parts := parsePieces(src, file, pieceSize, true); len(parts) == 0 {
			continue // it does not parse, or has no virtual server
		}
		compared++
		small := diagnose(t, nil, file)
		if err := os.WriteFile(filepath.Join(large, file), append(src, padding...), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Chdir(large)
		if diff := cmp.Diff(small, diagnose(t, nil, file)); diff != "" {
			t.Errorf("diagnostics of %s, small and large (-small +large):\n%s", file, diff)
		}
	}
	if compared < 20 {
		t.Errorf("%d files were compared, want at least 20", compared)
	}
}
