package main

import (
	"fmt"
	"strings"
)

// equivalents reads a list of mutants that behave as the original does, by their file and then by their key. An entry is a line
// "FILE: KEY", where the key is what the program prints of a mutant after the number of its line; indented lines below it say why
// nobody can tell it from the original. Lines with # are comments.
func equivalents(text string) map[string][]string {
	list := make(map[string][]string)
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" || strings.ContainsAny(line[:1], "#\t ") {
			continue
		}
		file, key, _ := strings.Cut(strings.TrimSpace(line), ": ")
		list[file] = append(list[file], key)
	}
	return list
}

// without returns the mutants that have none of the keys. A key that none of them has is an error: the code has changed since.
func without(mutants []mutant, keys []string) ([]mutant, error) {
	listed := make(map[string]int)
	for _, k := range keys {
		listed[k] = 0
	}
	var left []mutant
	for _, m := range mutants {
		if _, ok := listed[m.key()]; ok {
			listed[m.key()]++
			continue
		}
		left = append(left, m)
	}
	for key, n := range listed {
		if n == 0 {
			return nil, fmt.Errorf("no mutant is %q, as equivalent.txt has it", key)
		}
	}
	return left, nil
}
