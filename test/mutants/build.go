package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// variable names the mutant that a run of the tests is about, by its number; without it the program is sound.
const variable = "MUTANT"

// chooser is the file that is added to the package.
const chooser = `package vrrp

import "os"

var mutant = os.Getenv("` + variable + `")
`

// build makes the tests of package vrrp with all mutants in one binary, as a build takes longer than most tests: each function begins
// with its mutants, of which the environment chooses one. It returns which mutants are no programs, so that they are not in it.
func build(mutants []mutant, dir, binary string) (map[int]bool, error) {
	refused := make(map[int]bool)
	for {
		overlay, err := writeOverlay(mutants, refused, dir)
		if err != nil {
			return nil, err
		}
		cmd := exec.Command("go", "test", "-c", "-vet=off", "-gcflags=-e", "-overlay", overlay, "-o", binary, "./vrrp")
		out, err := cmd.CombinedOutput()
		if err == nil {
			return refused, nil
		}
		if !refuse(refused, out) {
			return nil, fmt.Errorf("%w: %s", err, out)
		}
	}
}

var complaint = regexp.MustCompile(`mutant(\d+):\d+`)

// refuse adds the mutants that the compiler complains of, and reports whether there are any.
func refuse(refused map[int]bool, out []byte) bool {
	before := len(refused)
	for _, m := range complaint.FindAllSubmatch(out, -1) {
		i, _ := strconv.Atoi(string(m[1])) // digits they are
		refused[i] = true
	}
	return len(refused) > before
}

// writeOverlay writes what the compiler is given in place of the mutants' files, and returns the list of that.
func writeOverlay(mutants []mutant, refused map[int]bool, dir string) (string, error) {
	replace := make(map[string]string)
	write := func(path string, text []byte) error {
		path, err := filepath.Abs(path)
		if err != nil {
			return err
		}
		replace[path] = filepath.Join(dir, fmt.Sprint(len(replace))+".go")
		return os.WriteFile(replace[path], text, 0o600)
	}
	for _, file := range filesOf(mutants) {
		text, err := withMutants(file, mutants, refused)
		if err != nil {
			return "", err
		}
		if err := write(file, text); err != nil {
			return "", err
		}
	}
	if err := write("vrrp/mutant.go", []byte(chooser)); err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, list, 0o600)
}

// withMutants returns the text of file where each function begins with a switch over its mutants. A mutant is a function literal, so
// that the compiler finds one without a return; and a file of its own to the compiler, which names it in what it complains of.
func withMutants(file string, mutants []mutant, refused map[int]bool) ([]byte, error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	done, open := 0, false
	for i, m := range mutants {
		if m.file != file || refused[i] {
			continue
		}
		if m.begin > done {
			if open {
				out.WriteString("}\n")
			}
			out.Write(src[done:m.begin])
			out.WriteString("\nswitch mutant {\n")
			done, open = m.begin, true
		}
		before, after := "return ", ""
		if m.results == "" {
			before, after = "", "; return"
		}
		fmt.Fprintf(&out, "case \"%d\":\n%sfunc() %s {\n//line mutant%d:1\n%s\n}()%s\n", i, before, m.results, i, m.body, after)
	}
	if open {
		out.WriteString("}\n")
	}
	out.Write(src[done:])
	return out.Bytes(), nil
}

// filesOf returns the files of the mutants, each once.
func filesOf(mutants []mutant) []string {
	var files []string
	for _, m := range mutants {
		if len(files) == 0 || files[len(files)-1] != m.file {
			files = append(files, m.file)
		}
	}
	return files
}
