package conf

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// sameInPieces demands that src read in pieces, which are kept or not, is what it is as a whole, or is not read in pieces. It returns whether
// it is.
func sameInPieces(t *testing.T, src []byte, size int) bool {
	t.Helper()
	for _, keep := range []bool{true, false} {
		top, parts := parsePieces(src, "x.hcl", size, keep)
		if top == nil {
			return false
		}
		whole, diags := parseWhole(src, "x.hcl")
		if len(diags) > 0 {
			t.Fatalf("nothing to say about pieces of %d, and of the whole %v\n%s", size, diags, src)
		}
		got := top.Blocks
		for i := range parts {
			got = append(got, parts[i].tree().Blocks...)
		}
		slices.SortFunc(got, func(a, b *hclsyntax.Block) int { return a.TypeRange.Start.Byte - b.TypeRange.Start.Byte })
		if want := whole.Body.(*hclsyntax.Body).Blocks; len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Fatalf("pieces of %d are not what the whole is:\n%s", size, src)
		}
	}
	return true
}

func TestPiecesAreTheWhole(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.hcl")
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{1, 100, 1000} {
			if sameInPieces(t, src, size) {
				read++
			}
		}
	}
	if read < len(files) {
		t.Fatalf("only %d of %d readings were in pieces", read, 3*len(files))
	}
}

func TestPiecesThatDeceive(t *testing.T) {
	for name, src := range map[string]string{
		"comment":       "a \"b\" {\n}\n/*\nc {\n}\n}\n}\n*/\nd {\n}\n",
		"heredoc":       "a {\n b = <<E\n}\nE\n}\nc {\n}\n",
		"string":        "a {\n b = \"${[\n{}\n]}\"\n}\n",
		"interpolation": "a {\n b = \"${{\n}\n}\"\n}\nc {}\n",
		"open":          "a {\n b {\n}\nc {\n}\n",
		"comment end":   "/* \n}\n \" */ a = [[[[[[[[[[[[[[[[\n",
	} {
		t.Run(name, func(t *testing.T) { sameInPieces(t, []byte(src), 1) })
	}
}
