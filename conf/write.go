package conf

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2"
)

// A snippet is the source line of a diagnostic, ready for print. Load puts it into Extra, so that a diagnostic can be written when
// the files are long forgotten.
type snippet struct {
	line  string // printable; secrets are blotted out
	caret string // as wide as what comes before the mistake, then ^^^
}

// maxLine is how many characters of a source line are shown.
const maxLine = 160

// Write prints diagnostics that Load returned, each as `file:line,col: message`, the source line with a caret under the mistake,
// and a hint what to write instead. It returns the first error of w.
func Write(w io.Writer, diags hcl.Diagnostics) error {
	var b bytes.Buffer
	for _, diag := range diags {
		write(&b, diag)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func write(b *bytes.Buffer, diag *hcl.Diagnostic) {
	gutter := "  "
	if at := diag.Subject; at != nil && at.Filename != "" {
		b.WriteString(at.Filename)
		if at.Start.Line > 0 {
			fmt.Fprintf(b, ":%d,%d", at.Start.Line, at.Start.Column)
		}
		b.WriteString(": ")
	}
	if diag.Severity == hcl.DiagWarning {
		b.WriteString("warning: ")
	}
	fmt.Fprintln(b, diag.Summary)
	if s, ok := diag.Extra.(snippet); ok && s.line != "" {
		number := fmt.Sprintf("%5d | ", diag.Subject.Start.Line)
		gutter = strings.Repeat(" ", len(number)-2) + "| "
		fmt.Fprintf(b, "%s%s\n%s%s\n", number, s.line, gutter, s.caret)
	}
	if diag.Detail != "" {
		fmt.Fprintf(b, "%shint: %s\n", strings.Replace(gutter, "|", "=", 1), strings.TrimSpace(diag.Detail))
	}
}

// snippet is the line that at starts on; the zero snippet when there is none.
func (s *source) snippet(at *hcl.Range, secrets []hcl.Range) snippet {
	if at == nil || at.Start.Line == 0 || at.Start.Byte > len(s.bytes[at.Filename]) {
		return snippet{}
	}
	src := s.bytes[at.Filename]
	start := bytes.LastIndexByte(src[:at.Start.Byte], '\n') + 1
	text, _, _ := bytes.Cut(src[start:], []byte("\n"))
	line := strings.TrimSuffix(string(text), "\r")
	from := min(at.Start.Byte-start, len(line))
	to := max(min(at.End.Byte-start, len(line)), from)
	h0, h1 := hidden(line, at.Filename, start, secrets, !s.diags.HasErrors())
	if h0 < h1 {
		line = line[:h0] + blot + line[h1:]
		from, to = moved(from, h0, h1, h0), moved(to, h0, h1, h0+len(blot))
	}
	return cut(line, from, to)
}

// moved is where byte i of a line is after the bytes from h0 to h1 were replaced by the blot; within stands for those in between.
func moved(i, h0, h1, within int) int {
	switch {
	case i <= h0:
		return i
	case i >= h1:
		return i - h1 + h0 + len(blot)
	}
	return within
}

// cut shows at most maxLine characters of line, around the bytes from to to.
func cut(line string, from, to int) snippet {
	head, mark, tail := clean(line[:from]), clean(line[from:to]), clean(line[to:])
	if n := len(head); n > maxLine/2 {
		head = append([]string{"…"}, head[n-maxLine/2+1:]...)
	}
	room := maxLine - len(head)
	if len(mark) > room {
		mark, tail = append(mark[:room-1], "…"), nil
	}
	if room -= len(mark); len(tail) > room {
		tail = append(tail[:max(0, room-1)], "…")
	}
	pad := ""
	for _, c := range head {
		if c != "\t" { // whose width only the terminal knows
			c = " "
		}
		pad += c
	}
	return snippet{
		line:  strings.Join(head, "") + strings.Join(mark, "") + strings.Join(tail, ""),
		caret: pad + strings.Repeat("^", max(1, len(mark))),
	}
}

// clean splits s into what a terminal shows as one character each. Control characters, which could drive the terminal, become
// visible.
func clean(s string) []string {
	var out []string
	for _, r := range s {
		switch {
		case unicode.Is(unicode.Mn, r) && len(out) > 0:
			out[len(out)-1] += string(r)
		case r != '\t' && !unicode.IsPrint(r):
			out = append(out, "�")
		default:
			out = append(out, string(r))
		}
	}
	return out
}
