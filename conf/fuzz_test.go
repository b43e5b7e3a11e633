package conf

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzLoad: whatever a file holds, Load returns either a configuration or errors, each fit to be printed.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/broken/*.hcl", "testdata/good/*.hcl", "testdata/good/*/*.hcl", "../contrib/examples/*.hcl"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("no seeds match %s (%v)", pattern, err)
		}
		for _, file := range files {
			if strings.Contains(file, "thousand") {
				continue // its mutants take a second each
			}
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	for _, example := range referenceExamples(f) { // every block and every keyword
		f.Add([]byte(example))
	}
	f.Add([]byte("vrrp_instance \"web\" {\n  route \"10.1.0.0/16\" {\n    encap \"mpls\" { labels = [null] }\n  }\n}\n")) // was a panic
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "govrrpd.hcl")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		c, diags := Load([]string{path}, nil)
		if (c == nil) != diags.HasErrors() {
			t.Fatalf("config %+v with diagnostics %v, want one or the other", c, diags)
		}
		if err := Write(io.Discard, diags); err != nil {
			t.Fatal(err)
		}
		sameInPieces(t, text, 1)
		if c == nil {
			return
		}
		for _, r := range c.Routers {
			if err := r.Validate(); err != nil {
				t.Errorf("router %q passes Load and breaks the protocol: %v", r.Name, err)
			}
		}
		for _, check := range c.Checks {
			if v, ok := check.Checker.(interface{ Validate() error }); !ok || v.Validate() != nil {
				t.Errorf("check %q passes Load and is not valid: %v", check.Name, check.Checker)
			}
		}
	})
}
