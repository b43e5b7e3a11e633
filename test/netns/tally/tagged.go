package main

import (
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// A selection names tests by the build tag of their file and by parts of its name.
type selection struct{ tag, in, out string }

// onlyVariable names the one test that `tally -tagged` is to choose, as a failure is written; a suite is played again with it.
const onlyVariable = "TALLY_ONLY"

// String returns the package and the test with a space between them, of which neither has one.
func (f failure) String() string { return f.pkg + " " + f.test }

// onlyArguments returns the arguments of `go test` for the one test that String wrote.
func onlyArguments(only string) string {
	pkg, test, _ := strings.Cut(only, " ")
	parts := strings.Split(test, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return "-run=" + strings.Join(parts, "/") + " -parallel=1 " + pkg
}

// arguments returns "-run=^(TestA|TestB)$ ./x ./y" for the tests that are selected.
func (s selection) arguments(root fs.FS) (string, error) {
	var names, folders []string
	err := fs.WalkDir(root, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !s.hasName(path.Base(file)) {
			return err
		}
		found, err := s.tests(root, file)
		if len(found) > 0 {
			names, folders = append(names, found...), append(folders, "./"+path.Dir(file))
		}
		return err
	})
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("no test has the build tag %q", s.tag)
	}
	slices.Sort(names)
	slices.Sort(folders)
	return fmt.Sprintf("-run=^(%s)$ %s", strings.Join(slices.Compact(names), "|"), strings.Join(slices.Compact(folders), " ")), err
}

func (s selection) hasName(base string) bool {
	return strings.HasSuffix(base, "_test.go") && strings.Contains(base, s.in) && (s.out == "" || !strings.Contains(base, s.out))
}

// tests returns the tests in a file that is built with the tag and not without.
func (s selection) tests(root fs.FS, file string) ([]string, error) {
	source, err := fs.ReadFile(root, file)
	if err != nil {
		return nil, err
	}
	f, err := parser.ParseFile(token.NewFileSet(), file, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	if !s.needed(f) {
		return nil, nil
	}
	var names []string
	for _, decl := range f.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") && fn.Name.Name != "TestMain" {
			names = append(names, fn.Name.Name)
		}
	}
	return names, nil
}

// needed tells whether the file's constraint asks for the tag.
func (s selection) needed(f *ast.File) bool {
	for _, group := range f.Comments {
		for _, c := range group.List {
			expr, err := constraint.Parse(c.Text)
			if err != nil || group.Pos() > f.Package {
				continue
			}
			has := func(with bool) bool {
				return expr.Eval(func(tag string) bool { return tag == "linux" || tag == s.tag && with })
			}
			return has(true) && !has(false)
		}
	}
	return false
}
