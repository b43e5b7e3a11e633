package conf

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/govrrpd/govrrpd/checkers"
)

func (d *decoder) script(raw *rawCheck) checkers.Script {
	c := checkers.Script{User: d.credential}
	d.flag(raw.Weighted, &c.Weighted)
	block := map[bool]string{false: " check", true: " load"}[raw.Load]
	c.Command = d.command(raw.Command, raw.Place, "the "+raw.Kind+block)
	c.Environment = d.texts(raw.Environment, `{ "PROBE" = "1" }`)
	for name, value := range c.Environment {
		d.tells(raw.Environment, checkers.Script{Command: []string{"true"}, Environment: map[string]string{name: value}}, `write environment = { "PROBE" = "1" }, for example`)
	}
	return c
}

func (d *decoder) scriptCheck(raw *rawCheck, _ subject) checkers.Checker { return d.script(raw) }

// external is a script with the arguments that ldirectord gives: the address and port of the service, and of the real server.
func (d *decoder) external(raw *rawCheck, of subject) checkers.Checker {
	c := d.script(raw)
	if v := of.service.Addr; v.IsValid() {
		c.Command = append(c.Command, v.Addr().String(), strconv.Itoa(int(v.Port())))
	} else {
		c.Command = append(c.Command, strconv.Itoa(int(of.service.Mark)), "0")
	}
	c.Command = append(c.Command, of.addr.Addr().String(), strconv.Itoa(int(of.addr.Port())))
	return c
}

// command reads a program and its arguments; block is the one at at, as messages begin.
func (d *decoder) command(a *hcl.Attribute, at hcl.Range, block string) []string {
	if !d.required(a, at, block, "command", `["/usr/local/bin/check"]`) {
		return nil
	}
	if v, set, _ := d.value(a); set && v.Type() == cty.String {
		d.problem(a.Expr.Range(), "command is text, want a list: no shell splits it", "write command = "+argv(v.AsString()))
		return nil
	}
	var out []string
	list, ok := d.list(a, "/usr/local/bin/check")
	for _, e := range list {
		if strings.ContainsRune(e.text, 0) {
			d.problem(e.at, "an argument has a NUL byte in it", "remove it")
		}
		out = append(out, e.text)
	}
	switch {
	case ok && len(list) > 0:
		d.program(list[0])
	case ok && d.known(a):
		d.problem(a.Expr.Range(), "command is empty", `write command = ["/usr/local/bin/check"]`)
	}
	return out
}

// argv shows how a command line would be written as a list.
func argv(line string) string {
	var words []string
	for _, w := range strings.Fields(line) {
		words = append(words, strconv.Quote(w))
	}
	return "[" + strings.Join(words, ", ") + "]"
}

// program reports a program that could not run. A name without a slash is looked for at each probe, in the system's folders.
func (d *decoder) program(e element) {
	if !strings.Contains(e.text, "/") && e.text != "" {
		return
	}
	info, err := os.Stat(e.text)
	switch {
	case !filepath.IsAbs(e.text):
		d.problem(e.at, fmt.Sprintf("command %s is not an absolute path", quote(e.text)), `write it from the / on: ["/usr/local/bin/check"]`)
	case err != nil:
		d.problem(e.at, fmt.Sprintf("command %s is not there: %s", quote(e.text), strings.TrimPrefix(cause(err), "cannot be read: ")), "install it, or correct the path")
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
		d.problem(e.at, fmt.Sprintf("command %s is not executable", quote(e.text)), fmt.Sprintf("run: chmod +x %s", e.text))
	}
}
