package checkers

import (
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// An Expect is what an answer must have; each part that is not empty. The zero value takes any answer.
type Expect struct {
	Prefix   string // it begins with it
	Contains string // this text is in it
	Match    string // this regular expression (RE2) matches it
	Hex      string // it begins with these bytes: pairs of hexadecimal digits, "XX" for any byte; spaces do not count
}

// empty reports whether any answer will do, and none.
func (e Expect) empty() bool { return e == Expect{} }

// Validate returns everything that is wrong with e, joined.
func (e Expect) Validate() error {
	var errs []error
	if _, err := regexp.Compile(e.Match); err != nil {
		errs = append(errs, fmt.Errorf("match is not a regular expression that RE2 knows: %w", err))
	}
	if _, err := parseHex(e.Hex); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// A hexByte is one byte of a pattern.
type hexByte struct {
	value byte
	any   bool
}

func parseHex(text string) ([]hexByte, error) {
	text = strings.Join(strings.Fields(text), "")
	if len(text)%2 != 0 {
		return nil, fmt.Errorf("hex %q has an odd number of digits: want two for each byte, such as \"16 03 XX\"", text)
	}
	var out []hexByte
	for i := 0; i < len(text); i += 2 {
		pair := text[i : i+2]
		if strings.EqualFold(pair, "XX") {
			out = append(out, hexByte{any: true})
			continue
		}
		n, err := strconv.ParseUint(pair, 16, 8)
		if err != nil {
			return nil, fmt.Errorf("hex %q: %q is not a byte: want two hexadecimal digits, or XX for any", text, pair)
		}
		out = append(out, hexByte{value: byte(n)})
	}
	return out, nil
}

// judge returns nil when got has all that e wants. final says that no more of the answer can make it better: what got begins with is
// wrong already.
func (e Expect) judge(got []byte) (final bool, err error) {
	if wrong, err := beginning(got, e.Prefix); err != nil {
		return wrong, err
	}
	if wrong, err := e.judgeHex(got); err != nil {
		return wrong, err
	}
	if !strings.Contains(string(got), e.Contains) {
		return false, fmt.Errorf("the answer %s does not contain %q", quoted(string(got)), e.Contains)
	}
	re, err := regexp.Compile(e.Match)
	if err != nil {
		return true, fmt.Errorf("match: %w", err)
	}
	if !re.Match(got) {
		return false, fmt.Errorf("the answer %s does not match %q", quoted(string(got)), e.Match)
	}
	return true, nil
}

func beginning(got []byte, prefix string) (wrong bool, err error) {
	if strings.HasPrefix(string(got), prefix) {
		return false, nil
	}
	return !strings.HasPrefix(prefix, string(got)), fmt.Errorf("the answer %s does not begin with %q", quoted(string(got)), prefix)
}

// ParseBytes reads pairs of hexadecimal digits, between which spaces may be.
func ParseBytes(text string) ([]byte, error) {
	pattern, err := parseHex(text)
	out := make([]byte, 0, len(pattern))
	for _, b := range pattern {
		if b.any {
			return nil, fmt.Errorf("hex %q has XX in it, which can be expected but not sent", text)
		}
		out = append(out, b.value)
	}
	return out, err
}

func (e Expect) judgeHex(got []byte) (wrong bool, err error) {
	pattern, err := parseHex(e.Hex)
	if err != nil {
		return true, err
	}
	shown := hex.EncodeToString(got[:min(len(got), len(pattern))])
	for i, want := range pattern {
		switch {
		case i >= len(got):
			return false, fmt.Errorf("the answer ends after %d bytes, %s, and %q has %d", len(got), shown, e.Hex, len(pattern))
		case !want.any && got[i] != want.value:
			return true, fmt.Errorf("byte %d of the answer %s is not that of %q", i+1, shown, e.Hex)
		}
	}
	return false, nil
}
