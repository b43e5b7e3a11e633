package checkers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// File reads the server's weight from a file: a number, or "down". Without the file, or with nothing in it, the server is well and has
// its configured weight.
type File struct {
	Path string // absolute
}

// Validate returns an error when there is no file to read.
func (c File) Validate() error {
	if !strings.HasPrefix(c.Path, "/") {
		return fmt.Errorf("file %q is not an absolute path: want, for example, /run/weights/web1", c.Path)
	}
	return nil
}

// Check reads, and forgets the weight.
func (c File) Check(ctx context.Context) error {
	_, _, err := c.CheckWeight(ctx)
	return err
}

// CheckWeight reads the weight.
func (c File) CheckWeight(context.Context) (weight int, ok bool, err error) {
	f, err := os.OpenFile(c.Path, os.O_RDONLY|unix.O_NONBLOCK, 0) // a pipe must not hold us up
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, plainPath(err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 64))
	if err != nil {
		return 0, false, plainPath(err)
	}
	return judgeFile(string(text))
}

func plainPath(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return fmt.Errorf("%s %s: %w", path.Op, path.Path, path.Err)
	}
	return err
}

// judgeFile reads the first word of a file.
func judgeFile(text string) (weight int, ok bool, err error) {
	words := strings.Fields(text)
	switch {
	case len(words) == 0:
		return 0, false, nil
	case words[0] == "down":
		return 0, false, errors.New("the file says down")
	}
	n, err := strconv.Atoi(words[0])
	if err != nil || n < 0 || n > maxWeight {
		return 0, false, fmt.Errorf("the file says %s, want a weight of 0 to %d, or down", quoted(words[0]), maxWeight)
	}
	return n, true, nil
}
