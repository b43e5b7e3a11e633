package track

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Match is how a process is recognized.
type Match uint8

// MatchName goes by the process's name alone. The others go by its command line: what follows the program is the arguments (MatchExact), or
// begins with them (MatchPartial), the last of which may go on (MatchInitial). The words are keepalived's.
const (
	MatchName Match = iota
	MatchExact
	MatchPartial
	MatchInitial
)

// commSize is how much of its name the kernel keeps of a process, in bytes (TASK_COMM_LEN without the zero).
const commSize = 15

// A Process is the processes that are one program, and how many there should be.
type Process struct {
	Name        string   // unique; the source is "process/" and this
	Command     string   // the name of the program; for FullCommand as the command line begins
	Arguments   []string // for the kinds of Match that look at them
	Match       Match
	FullCommand bool // Command is the first word of the command line as it is, not the process's name

	Quorum    int  // so many run at least; with Max 0 it does not count
	Max       *int // so many run at most; nil: any number
	ForkDelay time.Duration
	// TerminateDelay is how long the quorum may be missed before that counts, ForkDelay how long it must hold.
	TerminateDelay time.Duration
}

// Source returns the name that a Report has for p.
func (p Process) Source() string { return "process/" + p.Name }

// A running process is what the kernel says of one.
type running struct {
	comm string   // its name
	args []string // its command line, with the program; read only where a Process asks for it
}

// reads reports whether p looks at the command line.
func (p Process) reads() bool { return p.FullCommand || p.Match != MatchName }

// counts reports whether r is one of the processes of p.
func (p Process) counts(r running) bool {
	if p.FullCommand {
		if len(r.args) == 0 || r.args[0] != p.Command {
			return false
		}
	} else if name := filepath.Base(p.Command); r.comm != name[:min(len(name), commSize)] {
		return false
	}
	if p.Match == MatchName {
		return true
	}
	return len(r.args) > 0 && p.argumentsMatch(r.args[1:])
}

func (p Process) argumentsMatch(args []string) bool {
	n := len(p.Arguments)
	switch {
	case p.Match == MatchExact || n == 0: // partial with no arguments: there must be none
		return slices.Equal(args, p.Arguments)
	case len(args) < n:
		return false
	case p.Match == MatchPartial:
		return slices.Equal(args[:n], p.Arguments)
	}
	return slices.Equal(args[:n-1], p.Arguments[:n-1]) && strings.HasPrefix(args[n-1], p.Arguments[n-1])
}

// judge returns what n running processes mean. While the quorum is there it does not tell their number, which may change often. It is a
// pure function.
func (p Process) judge(n int) Fact {
	count := "no process is " + p.Command
	switch n {
	case 0:
	case 1:
		count = "1 process is " + p.Command
	default:
		count = fmt.Sprintf("%d processes are %s", n, p.Command)
	}
	switch {
	case p.Max != nil && n > *p.Max:
		return Fact{Reason: fmt.Sprintf("%s, want at most %d", count, *p.Max)}
	case p.Max != nil && *p.Max == 0:
		return Fact{Up: true, Reason: count}
	case n >= p.Quorum:
		return Fact{Up: true, Reason: fmt.Sprintf("%s runs, quorum %d", p.Command, p.Quorum)}
	}
	return Fact{Reason: fmt.Sprintf("%s, want at least %d", count, p.Quorum)}
}
