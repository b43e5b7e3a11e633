package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// An entry is a break of breaks.txt, of a requirement or of several that are one, and the tests that it makes red.
type entry struct {
	line  int // of breaks.txt
	ids   []string
	tests []string
	hunks []hunk
}

// String returns the requirements that the entry is about.
func (e entry) String() string { return strings.Join(e.ids, " ") }

// A hunk is one place of a break.
type hunk struct {
	file     string // from the root of the tree
	old, new string // text of lines or of parts of them; old is there once
}

// parse reads breaks.txt, which explains itself at its beginning.
func parse(text string) ([]entry, error) {
	var entries []entry
	var errs []error
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSuffix(line, "\n")
		var err error
		switch {
		case strings.TrimSpace(line) == "", strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "R-"):
			entries = append(entries, readHeader(line, number))
		case len(entries) == 0:
			err = errors.New("no requirement goes before it")
		default:
			err = entries[len(entries)-1].add(line)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("breaks.txt:%d: %w", number, err))
		}
	}
	for _, e := range entries {
		if err := e.check(); err != nil {
			errs = append(errs, fmt.Errorf("breaks.txt:%d: %s: %w", e.line, e, err))
		}
	}
	return entries, errors.Join(errs...)
}

// readHeader reads "R-1-01 R-2.5-01 TestA TestB".
func readHeader(line string, number int) entry {
	e := entry{line: number}
	for _, word := range strings.Fields(line) {
		if strings.HasPrefix(word, "R-") {
			e.ids = append(e.ids, word)
		} else {
			e.tests = append(e.tests, word)
		}
	}
	return e
}

// add takes in a line of a hunk.
func (e *entry) add(line string) error {
	mark, rest := line[0], line[1:]
	if mark == '@' {
		e.hunks = append(e.hunks, hunk{file: strings.TrimSpace(rest)})
		return nil
	}
	if len(e.hunks) == 0 {
		return fmt.Errorf("no line with @ says which file %q is of", line)
	}
	h := &e.hunks[len(e.hunks)-1]
	switch mark {
	case '-':
		h.old += rest + "\n"
	case '+':
		h.new += rest + "\n"
	default:
		return fmt.Errorf("%q begins with none of @, - and +", line)
	}
	return nil
}

// check reports what the entry lacks.
func (e entry) check() error {
	if len(e.hunks) == 0 || len(e.tests) == 0 {
		return errors.New("it lacks a test or a place")
	}
	for _, h := range e.hunks {
		if h.old == "" || h.old == h.new {
			return fmt.Errorf("nothing changes in %s", h.file)
		}
	}
	return nil
}

// broken returns the files of the tree below root as the break has them, by their paths from there.
func (e entry) broken(root string) (map[string]string, error) {
	files := make(map[string]string)
	for _, h := range e.hunks {
		if _, ok := files[h.file]; !ok {
			b, err := os.ReadFile(filepath.Join(root, h.file))
			if err != nil {
				return nil, err
			}
			files[h.file] = string(b)
		}
		old := strings.TrimSuffix(h.old, "\n")
		if n := strings.Count(files[h.file], old); n != 1 {
			return nil, fmt.Errorf("%s has %d times, want once: %s", h.file, n, old)
		}
		files[h.file] = strings.Replace(files[h.file], old, strings.TrimSuffix(h.new, "\n"), 1)
	}
	return files, nil
}
