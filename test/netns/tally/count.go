package main

import (
	"fmt"
	"io"
	"strings"
)

// A count adds tests up.
type count struct{ passed, failed, skipped int }

// String returns "3 passed, 1 failed, 0 skipped".
func (c count) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", c.passed, c.failed, c.skipped)
}

func (c count) plus(d count) count {
	return count{c.passed + d.passed, c.failed + d.failed, c.skipped + d.skipped}
}

// An event is one line of `go test -json`, see `go doc test2json`.
type event struct {
	Action     string
	Package    string
	Test       string
	Output     string
	ImportPath string // of what was built, in build-output and build-fail
	Elapsed    float64
}

// A counter reads events and knows afterwards what happened. Subtests are counted, and a test that has some only if it failed
// without them.
type counter struct {
	w       io.Writer
	count   count
	output  map[string]*strings.Builder // of each test that has not ended, package and import path
	parents map[string]bool             // tests with subtests: true when one of them failed
	pkg     map[string]count            // per package
	failed  []failure
}

// A failure is a test that failed, in itself and not by one of its subtests.
type failure struct{ pkg, test string }

func newCounter(w io.Writer) *counter {
	return &counter{w: w, output: map[string]*strings.Builder{}, parents: map[string]bool{}, pkg: map[string]count{}}
}

func (c *counter) add(ev event) {
	switch ev.Action {
	case "output", "build-output":
		c.keep(ev)
	case "build-fail":
		c.show(ev.ImportPath)
	case "run":
		if parent, ok := parentOf(ev); ok {
			c.parents[parent] = c.parents[parent] || false
		}
	case "pass", "fail", "skip":
		if ev.Test == "" {
			c.endPackage(ev)
			return
		}
		c.endTest(ev)
	}
}

// id names a test, a package, or what was built.
func id(ev event) string {
	if ev.ImportPath != "" {
		return ev.ImportPath
	}
	return strings.TrimSuffix(ev.Package+"/"+ev.Test, "/")
}

func parentOf(ev event) (string, bool) {
	i := strings.LastIndex(ev.Test, "/")
	if i < 0 {
		return "", false
	}
	return id(event{Package: ev.Package, Test: ev.Test[:i]}), true
}

func (c *counter) keep(ev event) {
	b := c.output[id(ev)]
	if b == nil {
		b = new(strings.Builder)
		c.output[id(ev)] = b
	}
	b.WriteString(ev.Output)
}

// show prints what was kept under a name, once.
func (c *counter) show(name string) {
	if b := c.output[name]; b != nil {
		fmt.Fprint(c.w, b.String())
	}
	delete(c.output, name)
}

func (c *counter) endTest(ev event) {
	name := id(ev)
	failedBelow, hasBelow := c.parents[name]
	if ev.Action == "fail" {
		if parent, ok := parentOf(ev); ok {
			c.parents[parent] = true
		}
		c.show(name)
	}
	delete(c.output, name)
	switch {
	case ev.Action == "fail" && !failedBelow:
		c.count1(ev.Package, count{failed: 1})
		c.failed = append(c.failed, failure{ev.Package, ev.Test})
	case hasBelow:
	case ev.Action == "pass":
		c.count1(ev.Package, count{passed: 1})
	case ev.Action == "skip":
		c.count1(ev.Package, count{skipped: 1})
	}
}

func (c *counter) count1(pkg string, d count) {
	c.count, c.pkg[pkg] = c.count.plus(d), c.pkg[pkg].plus(d)
}

// endPackage notices what failed outside of any test: the build, TestMain, a panic, a timeout.
func (c *counter) endPackage(ev event) {
	if ev.Action == "fail" && c.pkg[ev.Package].failed == 0 {
		c.count1(ev.Package, count{failed: 1})
		c.showPackage(ev.Package)
	}
	if n := c.pkg[ev.Package]; n != (count{}) {
		fmt.Fprintf(c.w, "   %-5s %s: %s (%.1f s)\n", ev.Action, ev.Package, n, ev.Elapsed)
	}
}

// showPackage prints what is left of a package: what it said itself, and the tests that did not come to an end.
func (c *counter) showPackage(pkg string) {
	for name := range c.output {
		if name != pkg && strings.HasPrefix(name, pkg+"/Test") {
			c.show(name)
		}
	}
	c.show(pkg)
}
