package conf

import (
	"bytes"
	"iter"
	"maps"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// pieceSize is how many bytes of a file are parsed at once, and what is left of the block that they end in. The tokens take some 50 times
// as much memory as the text, and those of one piece can go before the next one is read.
const pieceSize = 64 << 10

// keptSize is of how many bytes of files together the trees are kept, which take some forty times as much memory.
const keptSize = 256 << 10

// A part is the virtual_server blocks of one piece of a file. There may be ten thousand of them, and all that is wanted of a tree is what it
// says; so those of a large configuration are parsed again when it is wanted, one part at a time.
type part struct {
	file string
	at   hcl.Pos
	text []byte          // from there; it ends outside of all blocks
	body *hclsyntax.Body // nil when it is to be parsed again
}

// tree returns the blocks.
func (p *part) tree() *hclsyntax.Body {
	if p.body != nil {
		return p.body
	}
	f, _ := hclsyntax.ParseConfig(p.text, p.file, p.at) // nothing was wrong with it the first time
	_, services := split(f.Body)
	return services
}

// holds reports whether at is in the text.
func (p *part) holds(at hcl.Range) bool {
	return p.file == at.Filename && at.Start.Byte >= p.at.Byte && at.Start.Byte < p.at.Byte+len(p.text)
}

// split returns what is to be decoded at once, and the virtual_server blocks, with the dynamic ones that make such.
func split(body hcl.Body) (top, services *hclsyntax.Body) {
	all := body.(*hclsyntax.Body) //nolint:forcetypeassert // as the parser documents
	top, services = new(*all), new(*all)
	top.Blocks, services.Blocks, services.Attributes = nil, nil, nil
	for _, b := range all.Blocks {
		if innermost(b, "") == "virtual_server" {
			services.Blocks = append(services.Blocks, b)
		} else {
			top.Blocks = append(top.Blocks, b)
		}
	}
	return top, services
}

// parse parses each file that cannot harm the parser.
func (s *source) parse() {
	for _, name := range s.names {
		top, parts := parsePieces(s.bytes[name], name, pieceSize, s.size <= keptSize)
		if top == nil {
			top, parts = s.parseWhole(name)
		}
		if top != nil {
			s.files[name] = &hcl.File{Body: top, Bytes: s.bytes[name]}
			s.parts = append(s.parts, parts...)
		}
	}
}

// parseWhole keeps what is wrong with a file.
func (s *source) parseWhole(name string) (*hclsyntax.Body, []part) {
	src := s.bytes[name]
	f, diags := parseWhole(src, name)
	s.diags = append(s.diags, diags...)
	if f == nil {
		return nil, nil
	}
	top, services := split(f.Body)
	return top, []part{{file: name, at: hcl.InitialPos, text: src, body: services}}
}

// blocksAt returns the blocks around a place, from the outermost.
func (s *source) blocksAt(at hcl.Range) []*hcl.Block {
	for i := range s.parts {
		if p := &s.parts[i]; p.holds(at) {
			if blocks := (&hcl.File{Body: p.tree()}).BlocksAtPos(at.Start); len(blocks) > 0 {
				return blocks
			}
		}
	}
	if f := s.files[at.Filename]; f != nil {
		return f.BlocksAtPos(at.Start)
	}
	return nil
}

// bodies yields all that the files hold, some at a time.
func (s *source) bodies() iter.Seq[*hclsyntax.Body] {
	return func(yield func(*hclsyntax.Body) bool) {
		for _, name := range s.names {
			if f := s.files[name]; f != nil && !yield(f.Body.(*hclsyntax.Body)) {
				return
			}
		}
		for i := range s.parts {
			if !yield(s.parts[i].tree()) {
				return
			}
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
func parsePieces(src []byte, name string, size int, keep bool) (top *hclsyntax.Body, parts []part) {
	top = &hclsyntax.Body{Attributes: hclsyntax.Attributes{}, SrcRange: hcl.Range{Filename: name, Start: hcl.InitialPos, End: hcl.InitialPos}}
	for at := hcl.InitialPos; at.Byte < len(src); {
		p := part{file: name, at: at, text: firstPiece(src[at.Byte:], size)}
		if tooDeep(p.text, name, at) != nil {
			return nil, nil
		}
		f, diags := hclsyntax.ParseConfig(p.text, name, at)
		if len(diags) > 0 {
			return nil, nil
		}
		rest, services := split(f.Body)
		maps.Copy(top.Attributes, rest.Attributes) // none is allowed out here, so that it does not matter if there are two of a name
		top.Blocks = append(top.Blocks, rest.Blocks...)
		top.SrcRange.End = rest.SrcRange.End
		if keep {
			p.body = services
		}
		if len(services.Blocks) > 0 {
			parts = append(parts, p)
		}
		at.Byte += len(p.text)
		at.Line += bytes.Count(p.text, []byte("\n"))
	}
	top.EndRange = hcl.Range{Filename: name, Start: top.SrcRange.End, End: top.SrcRange.End}
	return top, parts
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
