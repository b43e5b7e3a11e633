package track

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxFile is how long the text of a number may be, in bytes; more is not read.
	maxFile = 64
	// settle is how long a file that is being written is left alone, unless its writer closes it before; a writer that never
	// closes it is heard that often.
	settle = 100 * time.Millisecond
	// emptySettle is how long a file may be empty between being cut to nothing and being written before that counts.
	emptySettle = time.Second
	// retry is the pause after the kernel could not be asked to watch.
	retry = 5 * time.Second

	// MaxValue is the largest number that a file may hold, the smallest is -MaxValue; keepalived has the same bounds.
	MaxValue = math.MaxInt32
)

// A File is one file with a number in it.
type File struct {
	Name      string // unique; the source is "file/" and this
	Path      string // absolute
	Init      *int   // created with this number when the file does not exist; nil: it is left to others
	Overwrite bool   // Init is written even when the file exists, at the first Configure that names it
}

// Source returns the name that a Report has for f.
func (f File) Source() string { return "file/" + f.Name }

// Files reads numbers out of files as they change. What counts is the content at the time when a writer closes the file or moves
// another one into its place.
type Files struct {
	report Report
	log    *slog.Logger
	order  *order[File]
}

// NewFiles returns a Files without any; nothing happens before Run.
func NewFiles(report Report, log *slog.Logger) *Files {
	return &Files{report: report, log: log, order: newOrder[File]()}
}

// Configure makes files, which have different names, those that are read. Of one that is new or has another path the content is reported
// at once, or as soon as Run begins; of one that stays only what changes.
func (f *Files) Configure(files []File) { f.order.give(files) }

// A reading is what Run remembers of one file.
type reading struct {
	file  File
	told  *Fact     // nil at first
	empty time.Time // since when it is; zero when it is not
}

// Run reports until ctx ends; then it returns nil. It is called once.
func (f *Files) Run(ctx context.Context) error {
	w := &fileWatch{files: f, readings: map[string]*reading{}}
	defer w.close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.order.news:
			w.adopt(f.order.current())
		case notices := <-w.notices():
			w.heed(notices)
		case <-timer.C:
		}
		w.look(time.Now())
		timer.Reset(w.pause(time.Now()))
	}
}

// fileWatch is the state of Files.Run; its goroutine owns it.
type fileWatch struct {
	files    *Files
	readings map[string]*reading // by name
	notify   *inotify            // nil while there is nothing to watch, or it cannot be watched
	now      bool                // something changed that is to be looked at now
	due      time.Time           // when to look anyway; zero: when told
}

// adopt takes a new configuration.
func (w *fileWatch) adopt(files []File) {
	old := w.readings
	w.readings = make(map[string]*reading, len(files))
	for _, file := range files {
		was := old[file.Name]
		if was == nil || was.file.Path != file.Path {
			w.prepare(file)
			was = &reading{}
		}
		was.file = file
		w.readings[file.Name] = was
	}
	w.now = true
}

// prepare creates a file that is to be.
func (w *fileWatch) prepare(file File) {
	if file.Init == nil {
		return
	}
	if err := create(file); err != nil {
		w.files.log.Error("tracked file was not created", "file", file.Path, "error", err)
	}
}

// create writes the first number into a file. A file that exists stays as it is, unless it is to be overwritten; a symbolic link is
// followed to a file that exists only.
func create(file File) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if _, err := os.Stat(file.Path); err == nil {
		if !file.Overwrite {
			return nil
		}
		flags = os.O_WRONLY | os.O_TRUNC | unix.O_NONBLOCK
	}
	out, err := os.OpenFile(file.Path, flags, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, *file.Init)
	return errors.Join(err, out.Close())
}

// notices is where the kernel is heard; nil, which blocks for ever, while nothing is watched.
func (w *fileWatch) notices() <-chan []notice {
	if w.notify == nil {
		return nil
	}
	return w.notify.notices
}

// heed decides how soon to look. A closed channel means that the watching ended.
func (w *fileWatch) heed(notices []notice) {
	if notices == nil {
		w.close()
	}
	for _, n := range notices {
		switch {
		case n.unfinished():
			w.dueBy(time.Now().Add(settle))
		default:
			w.now = true
		}
	}
	if notices == nil {
		w.dueBy(time.Now().Add(retry))
	}
}

func (w *fileWatch) dueBy(t time.Time) {
	if w.due.IsZero() || t.Before(w.due) {
		w.due = t
	}
}

// look watches what is to be watched and reads all files, if it is time.
func (w *fileWatch) look(now time.Time) {
	if !w.now && (w.due.IsZero() || now.Before(w.due)) {
		return
	}
	w.now, w.due = false, time.Time{}
	if err := w.watch(); err != nil {
		w.files.log.Error("tracked files cannot be watched", "error", err)
		w.dueBy(now.Add(retry))
	}
	for _, r := range w.readings {
		w.read(r, now)
	}
}

// watch makes what inotify watches that on which the files depend.
func (w *fileWatch) watch() error {
	if len(w.readings) == 0 {
		w.close()
		return nil
	}
	if w.notify == nil {
		n, err := newInotify()
		if err != nil {
			return err
		}
		w.notify = n
	}
	var paths []string
	for _, r := range w.readings {
		paths = append(paths, r.file.Path)
	}
	return w.notify.watch(paths)
}

func (w *fileWatch) close() {
	if w.notify != nil {
		w.notify.close()
		w.notify = nil
	}
}

// read reports what is in a file if that is news. A file that was just cut to nothing is about to be written.
func (w *fileWatch) read(r *reading, now time.Time) {
	text, err := readFile(r.file.Path)
	fact := factOf(r.file.Path, text, err)
	if err == nil && strings.TrimSpace(text) == "" && r.told != nil {
		if r.empty.IsZero() {
			r.empty = now
		}
		if until := r.empty.Add(emptySettle); r.told.Up && now.Before(until) {
			w.dueBy(until)
			return
		}
	} else {
		r.empty = time.Time{}
	}
	if r.told != nil && *r.told == fact {
		return
	}
	r.told = &fact
	w.files.report(r.file.Source(), fact)
}

// pause is how long there is nothing to do but to listen.
func (w *fileWatch) pause(now time.Time) time.Duration {
	if w.due.IsZero() {
		return time.Hour
	}
	return max(0, w.due.Sub(now))
}

// readFile returns what is in a file. It does not wait for a pipe's other end, and reads no device.
func readFile(path string) (string, error) {
	in, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer in.Close()
	if info, err := in.Stat(); err != nil {
		return "", err
	} else if !info.Mode().IsRegular() {
		return "", errors.New("is not a file")
	}
	b, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	return string(b), err
}

// factOf is what the content of a file means. It is a pure function.
func factOf(path, text string, err error) Fact {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	text = strings.TrimSpace(text)
	switch {
	case err != nil:
		return Fact{Reason: fmt.Sprintf("%s: %s", path, err)}
	case text == "":
		return Fact{Reason: path + " is empty, want a number"}
	case len(text) > maxFile:
		return Fact{Reason: fmt.Sprintf("%s has more than %d bytes, want a number", path, maxFile)}
	}
	value, err := strconv.Atoi(text)
	switch {
	case errors.Is(err, strconv.ErrRange) || err == nil && (value > MaxValue || value < -MaxValue):
		return Fact{Reason: fmt.Sprintf("%s in %s is out of range, want -%d to %d", text, path, MaxValue, MaxValue)}
	case err != nil:
		return Fact{Reason: fmt.Sprintf("%q in %s is not a whole number", text, path)}
	}
	return Fact{Up: true, Value: value, Reason: fmt.Sprintf("%d in %s", value, path)}
}
