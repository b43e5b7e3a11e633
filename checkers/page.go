package checkers

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Page is what a web server's answer must be; the zero value wants a status of 200 to 299.
type Page struct {
	Status   []StatusRange     // good statuses; empty: 200-299
	Contains string            // text that the body must contain
	Match    string            // regular expression (RE2) that the body must match
	Digest   string            // of the whole body, hexadecimal: SHA-256, or MD5 as keepalived's genhash prints it
	JSON     map[string]string // values by their paths, "checks.0.state"; the body must be JSON with all of them
}

// Validate returns everything that is wrong with p, joined.
func (p Page) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, r := range p.Status {
		if r.From < 100 || r.To > 599 || r.From > r.To {
			bad("status %s is not a range within 100-599: want, for example, 200-299 or 404", r)
		}
	}
	if _, err := regexp.Compile(p.Match); err != nil {
		bad("match is not a regular expression that RE2 knows: %w", err)
	}
	if sum, err := hex.DecodeString(p.Digest); err != nil || len(sum) != 0 && len(sum) != md5.Size && len(sum) != sha256.Size {
		bad("digest %q is neither of SHA-256 (64 hexadecimal digits) nor of MD5 (32)", p.Digest)
	}
	return errors.Join(errs...)
}

// judge tells what is wrong with an answer.
func (p Page) judge(got page) error {
	if !p.good(got.status) {
		return fmt.Errorf("status %d, want %s", got.status, p.wantStatus())
	}
	if !bytes.Contains(got.body, []byte(p.Contains)) {
		return fmt.Errorf("body does not contain %q", p.Contains)
	}
	if err := p.judgeDigest(got.body); err != nil {
		return err
	}
	if err := p.judgeJSON(got.body); err != nil {
		return err
	}
	if p.Match == "" {
		return nil
	}
	re, err := regexp.Compile(p.Match)
	if err != nil {
		return fmt.Errorf("match: %w", err)
	}
	if !re.Match(got.body) {
		return fmt.Errorf("body does not match %q", p.Match)
	}
	return nil
}

func (p Page) good(status int) bool {
	for _, r := range p.statuses() {
		if r.From <= status && status <= r.To {
			return true
		}
	}
	return false
}

func (p Page) statuses() []StatusRange {
	if len(p.Status) == 0 {
		return []StatusRange{{200, 299}}
	}
	return p.Status
}

func (p Page) wantStatus() string {
	var words []string
	for _, r := range p.statuses() {
		words = append(words, r.String())
	}
	return strings.Join(words, " or ")
}

func (p Page) judgeDigest(body []byte) error {
	var sum []byte
	switch len(p.Digest) {
	case 0:
		return nil
	case 2 * md5.Size:
		s := md5.Sum(body)
		sum = s[:]
	default:
		s := sha256.Sum256(body)
		sum = s[:]
	}
	if got := hex.EncodeToString(sum); !strings.EqualFold(got, p.Digest) {
		return fmt.Errorf("digest of the body is %s, want %s", got, strings.ToLower(p.Digest))
	}
	return nil
}

func (p Page) judgeJSON(body []byte) error {
	if len(p.JSON) == 0 {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var root any
	if err := decoder.Decode(&root); err != nil {
		return fmt.Errorf("body is not JSON: %w", err)
	}
	for _, path := range slices.Sorted(maps.Keys(p.JSON)) {
		got, err := jsonAt(root, path)
		if err != nil {
			return err
		}
		if got != p.JSON[path] {
			return fmt.Errorf("%s is %s, want %q", path, quoted(got), p.JSON[path])
		}
	}
	return nil
}

// jsonAt returns the value at a path of names and numbers between dots, as text: "true", "null", "1.50" and texts without quotes.
func jsonAt(root any, path string) (string, error) {
	at := root
	for i, step := range strings.Split(path, ".") {
		next, ok := jsonStep(at, step)
		if !ok {
			return "", fmt.Errorf("there is no %s in the body", strings.Join(strings.Split(path, ".")[:i+1], "."))
		}
		at = next
	}
	switch v := at.(type) {
	case string:
		return v, nil
	case nil:
		return "null", nil
	case map[string]any, []any:
		text, err := json.Marshal(v)
		return string(text), err
	}
	return fmt.Sprint(at), nil
}

func jsonStep(at any, step string) (any, bool) {
	switch v := at.(type) {
	case map[string]any:
		next, ok := v[step]
		return next, ok
	case []any:
		i, err := strconv.Atoi(step)
		if err != nil || i < 0 || i >= len(v) {
			return nil, false
		}
		return v[i], true
	}
	return nil, false
}
