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
	timed   bool   // what fails is played again
}

// mostAgain is how many failures of a timed suite may be the machine's.
const mostAgain = 5

// run returns what the suite adds up to, and how many of its tests passed only when they were played again; the error is that it could
// not be run at all.
func (s suite) run(w io.Writer) (count, int, error) {
	c, failed, err := s.play(w)
	if err != nil || !s.timed || c.failed == 0 || c.failed > mostAgain || len(failed) != c.failed {
		return c, 0, err
	}
	again := 0
	for _, f := range failed {
		fmt.Fprintf(w, "== %s, again and alone: %s\n", s.name, f.test)
		one, _, err := s.play(w, onlyVariable+"="+f.String())
		if err != nil {
			return c, again, err
		}
		if one.passed > 0 && one.failed == 0 && one.skipped == 0 {
			c.failed--
			c.passed++
			again++
		}
	}
	return c, again, nil
}

// play runs the command once, with more in its environment, and returns the tests that failed.
func (s suite) play(w io.Writer, env ...string) (count, []failure, error) {
	cmd := exec.Command("sh", "-c", s.command)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return count{}, nil, err
	}
	if err := cmd.Start(); err != nil {
		return count{}, nil, err
	}
	var c count
	var failed []failure
	if s.json {
		c, failed, err = countJSON(out, w)
	} else {
		_, err = io.Copy(w, out)
	}
	return s.verdict(c, w, errors.Join(err, cmd.Wait())), failed, nil
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

func countJSON(r io.Reader, w io.Writer) (count, []failure, error) {
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
	return c.count, c.failed, lines.Err()
}
