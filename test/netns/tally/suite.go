package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// A suite is one command.
type suite struct {
	name    string
	command string // for sh
	json    bool   // prints go test -json
}

// run returns what the suite adds up to; the error is that it could not be run at all.
func (s suite) run(w io.Writer) (count, error) {
	cmd := exec.Command("sh", "-c", s.command)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return count{}, err
	}
	if err := cmd.Start(); err != nil {
		return count{}, err
	}
	var c count
	if s.json {
		c, err = countJSON(out, w)
	} else {
		_, err = io.Copy(w, out)
	}
	return s.verdict(c, w, errors.Join(err, cmd.Wait())), nil
}

// verdict adds what the events do not tell: how the command ended, and that nothing ran at all.
func (s suite) verdict(c count, w io.Writer, err error) count {
	switch {
	case !s.json && err == nil:
		return count{passed: 1}
	case !s.json, err != nil && c.failed == 0:
		fmt.Fprintf(w, "   %s: %v\n", s.name, err)
		c.failed++
	case c == count{}:
		fmt.Fprintf(w, "   %s: no test ran\n", s.name)
		c.failed++
	}
	return c
}

func countJSON(r io.Reader, w io.Writer) (count, error) {
	c := newCounter(w)
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20) // a line holds one line of output of a test
	for lines.Scan() {
		var ev event
		if err := json.Unmarshal(lines.Bytes(), &ev); err != nil {
			fmt.Fprintln(w, lines.Text()) // not from a test: go itself has something to say
			continue
		}
		c.add(ev)
	}
	return c.count, lines.Err()
}
