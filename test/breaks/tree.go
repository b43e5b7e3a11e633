package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// A tree is the folder of a copy of the module, in which one break at a time is tried.
type tree string

// filesOf returns what the module consists of, new files too, but not what is built.
func filesOf(ctx context.Context) ([]string, error) {
	out, err := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	return strings.Split(strings.Trim(string(out), "\x00"), "\x00"), nil
}

// copyTrees makes n copies of the files. It returns those that it made, also with an error.
func copyTrees(files []string, n int) ([]tree, error) {
	var trees []tree
	for range max(n, 1) {
		dir, err := os.MkdirTemp("", "breaks")
		if err != nil {
			return trees, err
		}
		trees = append(trees, tree(dir))
		for _, f := range files {
			if err := copyFile(f, filepath.Join(dir, f)); err != nil {
				return trees, err
			}
		}
	}
	return trees, nil
}

func removeTrees(trees []tree) {
	for _, t := range trees {
		os.RemoveAll(string(t))
	}
}

// copyFile copies a file and who may run it. One that git knows and that was deleted is no part of the tree.
func copyFile(from, to string) error {
	info, err := os.Stat(from)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() {
		return nil
	}
	if err != nil {
		return err
	}
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, b, info.Mode().Perm())
}

// write puts files into the tree, and returns what was there.
func (t tree) write(files map[string]string) (map[string]string, error) {
	before := make(map[string]string)
	for name, text := range files {
		file := filepath.Join(string(t), name)
		b, err := os.ReadFile(file)
		if err != nil {
			return before, err
		}
		before[name] = string(b)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil { // it is there, and keeps its mode
			return before, err
		}
	}
	return before, nil
}

// A place is where a test is.
type place struct {
	folder string // "./vrrp"
	tag    string // of the build; empty for none
}

// programs reports whether tests of the place start the programs of this tree.
func (p place) programs() bool { return strings.HasPrefix(p.folder, "./test/netns") }

var (
	function = regexp.MustCompile(`(?m)^func (Test\w+|Fuzz\w+)\(`)
	tagged   = regexp.MustCompile(`^//go:build (\w+)\n`)
)

// findTests returns where each test of the files is. A name that two folders have is in none.
func findTests(files []string) (map[string]place, error) {
	places := make(map[string]place)
	for _, f := range files {
		if !strings.HasSuffix(f, "_test.go") {
			continue
		}
		text, err := os.ReadFile(f)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		p := place{folder: "./" + path.Dir(f)}
		if m := tagged.FindSubmatch(text); m != nil {
			p.tag = string(m[1])
		}
		for _, m := range function.FindAllSubmatch(bytes.TrimSpace(text), -1) {
			name := string(m[1])
			if other, taken := places[name]; taken && other.folder != p.folder {
				places[name] = place{}
				continue
			}
			places[name] = p
		}
	}
	return places, nil
}
