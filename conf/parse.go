package conf

import (
	"bytes"
	"maps"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// pieceSize is how many bytes of a file are parsed at once, and what is left of the block that they end in. The tokens take some 50 times
// as much memory as the text, and those of one piece can go before the next one is read.
const pieceSize = 64 << 10

// parse parses each file that cannot harm the parser.
func (s *source) parse() {
	for _, name := range s.names {
		f := parsePieces(s.bytes[name], name, pieceSize)
		if f == nil {
			var diags hcl.Diagnostics
			f, diags = parseWhole(s.bytes[name], name)
			s.diags = append(s.diags, diags...)
		}
		if f != nil {
			s.files[name] = f
		}
	}
}

func parseWhole(src []byte, name string) (*hcl.File, hcl.Diagnostics) {
	if d := tooDeep(src, name, hcl.InitialPos); d != nil {
		return nil, hcl.Diagnostics{d}
	}
	return hclsyntax.ParseConfig(src, name, hcl.InitialPos)
}

// parsePieces returns nil when there is anything to say about a piece: what that is shows only in the whole. A piece in which nothing is wrong
// ends outside of everything, so the next one means what it does in the whole.
func parsePieces(src []byte, name string, size int) *hcl.File {
	all := &hclsyntax.Body{Attributes: hclsyntax.Attributes{}, SrcRange: hcl.Range{Filename: name, Start: hcl.InitialPos, End: hcl.InitialPos}}
	all.EndRange = all.SrcRange
	for at := hcl.InitialPos; at.Byte < len(src); {
		piece := firstPiece(src[at.Byte:], size)
		if tooDeep(piece, name, at) != nil {
			return nil
		}
		f, diags := hclsyntax.ParseConfig(piece, name, at)
		if len(diags) > 0 {
			return nil
		}
		body := f.Body.(*hclsyntax.Body)           //nolint:forcetypeassert // as documented
		maps.Copy(all.Attributes, body.Attributes) // none is allowed out here, so that it does not matter if there are two of a name
		all.Blocks = append(all.Blocks, body.Blocks...)
		all.SrcRange.End, all.EndRange = body.SrcRange.End, body.EndRange
		at.Byte += len(piece)
		at.Line += bytes.Count(piece, []byte("\n"))
	}
	return &hcl.File{Body: all, Bytes: src}
}

// firstPiece returns at least the first size bytes of src, and all up to a line with nothing but a brace.
func firstPiece(src []byte, size int) []byte {
	const end = "\n}\n"
	if len(src) <= size {
		return src
	}
	i := bytes.Index(src[size:], []byte(end))
	if i < 0 {
		return src
	}
	return src[:size+i+len(end)]
}
