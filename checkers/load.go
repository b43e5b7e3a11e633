package checkers

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A Gauge finds out how much load a server has: a number, 0 or more, in a unit that is the Policy's to know.
type Gauge interface {
	Measure(ctx context.Context) (float64, error)
}

// Load is a Checker whose weight follows the load of a server. A measurement that fails is a failure of the check, not of the server: it is
// for who hears of it to see to that.
type Load struct {
	Gauge  Gauge // such as a NodeExporter, by value; compared with reflect.DeepEqual
	Policy Policy
}

// Validate returns everything that is wrong with c, joined.
func (c Load) Validate() error {
	var errs []error
	if c.Gauge == nil {
		errs = append(errs, errors.New("nothing measures the load: want, for example, a NodeExporter"))
	}
	if v, ok := c.Gauge.(interface{ Validate() error }); ok {
		errs = append(errs, v.Validate())
	}
	return errors.Join(append(errs, c.Policy.Validate())...)
}

// Check measures, and forgets it.
func (c Load) Check(ctx context.Context) error {
	_, err := c.measure(ctx)
	return err
}

func (c Load) measure(ctx context.Context) (float64, error) {
	load, err := c.Gauge.Measure(ctx)
	if err == nil && (math.IsNaN(load) || math.IsInf(load, 0) || load < 0) {
		err = fmt.Errorf("the load is %v, want a number of 0 or more", load)
	}
	return load, err
}

// TCPLoad reads the load from the line that a program on the server says to who connects.
type TCPLoad struct {
	Target
	TLS  *TLS   // nil: plain
	Send string // what to say first; empty: nothing
}

// Validate returns everything that is wrong with c, joined.
func (c TCPLoad) Validate() error { return errors.Join(c.Target.Validate(), validateTLS(c.TLS)) }

// Measure connects and reads the line.
func (c TCPLoad) Measure(ctx context.Context) (float64, error) {
	d, err := dial(ctx, c.Target, c.TLS)
	if err != nil {
		return 0, err
	}
	defer d.close()
	if c.Send != "" {
		if err := d.send("text", c.Send); err != nil {
			return 0, err
		}
	}
	line, err := d.line("the line with the load")
	if err != nil {
		return 0, err
	}
	traceOf(ctx).phase("first byte")
	return parseLoad("the line", line)
}

// ScriptLoad reads the load from the last line that a program prints.
type ScriptLoad struct{ Script }

// Measure runs the program.
func (c ScriptLoad) Measure(ctx context.Context) (float64, error) {
	var out tail
	status, err := c.run(ctx, &out)
	if err != nil {
		return 0, err
	}
	if _, _, err := c.judge(status, out.line()); err != nil {
		return 0, err
	}
	return parseLoad("the last line", out.line())
}

// FileLoad reads the load from the first line of a file.
type FileLoad struct{ File }

// Measure reads the file.
func (c FileLoad) Measure(context.Context) (float64, error) {
	f, err := os.OpenFile(c.Path, os.O_RDONLY|unix.O_NONBLOCK, 0) // a pipe must not hold us up
	if err != nil {
		return 0, plainPath(err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, tailSize))
	if err != nil {
		return 0, plainPath(err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return parseLoad("the file", line)
}

// PageLoad reads the load from a page: from a header of the answer, or from its JSON.
type PageLoad struct {
	HTTP
	Header string // "X-Load"; empty: Value
	Value  string // the path of a number in the body, "system.load1"
}

// Validate returns everything that is wrong with c, joined.
func (c PageLoad) Validate() error {
	err := c.HTTP.Validate()
	if (c.Header == "") == (c.Value == "") {
		err = errors.Join(err, errors.New(`want either a header or a value to read the load from: "X-Load", or "system.load1"`))
	}
	return err
}

// Measure asks for the page.
func (c PageLoad) Measure(ctx context.Context) (float64, error) {
	got, err := c.get(ctx)
	if err != nil {
		return 0, err
	}
	if c.Header != "" {
		return parseLoad("header "+c.Header, got.header.Get(c.Header))
	}
	decoder := json.NewDecoder(bytes.NewReader(got.body))
	decoder.UseNumber()
	var root any
	if err := decoder.Decode(&root); err != nil {
		return 0, fmt.Errorf("body is not JSON: %w", err)
	}
	text, err := jsonAt(root, c.Value)
	if err != nil {
		return 0, err
	}
	return parseLoad(c.Value, text)
}

// NodeExporter reads the load from a metric among the first 64 KiB of a page in Prometheus' text format.
type NodeExporter struct {
	HTTP
	Metric string // "node_load1"; where there are several that differ in labels, their sum
}

// Validate returns everything that is wrong with c, joined.
func (c NodeExporter) Validate() error {
	err := c.HTTP.Validate()
	if c.Metric == "" || strings.ContainsAny(c.Metric, " \t{}") {
		err = errors.Join(err, fmt.Errorf("metric %q is not the name of one: want, for example, node_load1", c.Metric))
	}
	return err
}

// Measure asks for the page.
func (c NodeExporter) Measure(ctx context.Context) (float64, error) {
	got, err := c.get(ctx)
	if err != nil {
		return 0, err
	}
	if len(got.body) == maxBody { // what comes after it is not known, so the last line may be half of one
		got.body = got.body[:bytes.LastIndexByte(got.body, '\n')+1]
	}
	return sumMetric(got.body, c.Metric)
}

// sumMetric adds up the samples of a metric in the text format of Prometheus, version 0.0.4.
func sumMetric(page []byte, metric string) (sum float64, err error) {
	lines := bufio.NewScanner(bytes.NewReader(page))
	lines.Buffer(nil, maxBody+1)
	found := false
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), metric)
		if !ok || rest == "" || !strings.ContainsRune(" \t{", rune(rest[0])) {
			continue
		}
		rest = rest[strings.LastIndexByte(rest, '}')+1:] // a label may have anything in it, but nothing after it has a brace
		value, err := parseLoad(metric, rest)
		if err != nil {
			return 0, err
		}
		found, sum = true, sum+value
	}
	if !found {
		return 0, fmt.Errorf("there is no %s in the page", metric)
	}
	return sum, nil
}

// parseLoad reads the first number of a text, or the first after "load…:" as uptime and rup print it. what names the text in errors.
func parseLoad(what, text string) (float64, error) {
	rest := text
	if _, after, ok := strings.Cut(text, "load"); ok {
		if _, numbers, ok := strings.Cut(after, ":"); ok {
			rest = numbers
		}
	}
	words := strings.Fields(rest)
	if len(words) == 0 {
		return 0, fmt.Errorf("%s is %s, want a number", what, quoted(text))
	}
	load, err := strconv.ParseFloat(strings.TrimRight(words[0], ",%"), 64)
	if err != nil {
		return 0, fmt.Errorf("%s is %s, want a number", what, quoted(text))
	}
	return load, nil
}
