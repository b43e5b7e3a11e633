package track

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestContentOfAFileMeans(t *testing.T) {
	gone := &fs.PathError{Op: "open", Path: "/run/load", Err: unix.ENOENT}
	for _, c := range []struct {
		text string
		err  error
		want Fact
	}{
		{"5\n", nil, Fact{Up: true, Value: 5, Reason: "5 in /run/load"}},
		{" -30 ", nil, Fact{Up: true, Value: -30, Reason: "-30 in /run/load"}},
		{"2147483647", nil, Fact{Up: true, Value: 2147483647, Reason: "2147483647 in /run/load"}},
		{"2147483648", nil, Fact{Reason: "2147483648 in /run/load is out of range, want -2147483647 to 2147483647"}},
		{"99999999999999999999", nil, Fact{Reason: "99999999999999999999 in /run/load is out of range, want -2147483647 to 2147483647"}},
		{"1.5", nil, Fact{Reason: `"1.5" in /run/load is not a whole number`}},
		{"5 6", nil, Fact{Reason: `"5 6" in /run/load is not a whole number`}},
		{"\x1b[2J", nil, Fact{Reason: `"\x1b[2J" in /run/load is not a whole number`}},
		{"", nil, Fact{Reason: "/run/load is empty, want a number"}},
		{strings.Repeat("7", maxFile+1), nil, Fact{Reason: "/run/load has more than 64 bytes, want a number"}},
		{"", gone, Fact{Reason: "/run/load: no such file or directory"}},
		{"", errors.New("is not a file"), Fact{Reason: "/run/load: is not a file"}},
	} {
		if diff := cmp.Diff(c.want, factOf("/run/load", c.text, c.err)); diff != "" {
			t.Errorf("%q, %v (-want +got):\n%s", c.text, c.err, diff)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func value(n int) func(Fact) bool { return func(f Fact) bool { return f.Up && f.Value == n } }

func reason(part string) func(Fact) bool {
	return func(f Fact) bool { return !f.Up && strings.Contains(f.Reason, part) }
}

// TestFileIsReadHoweverItChanges goes through the ways in which a number gets into a file, and out of it.
func TestFileIsReadHoweverItChanges(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "b", "load")
	r := newRecorder()
	f := NewFiles(r.report, quiet())
	f.Configure([]File{{Name: "load", Path: path}})
	run(t, f.Run)
	r.wait(t, "file/load", "nothing there", reason("no such file"))

	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Dir(path), 0o755))
	write(t, path, "1\n")
	r.wait(t, "file/load", "the file in new folders", value(1))
	write(t, path, "2\n")
	r.wait(t, "file/load", "what was written over", value(2))
	write(t, path+".new", "3\n")
	move(t, path+".new", path)
	r.wait(t, "file/load", "the file renamed over it", value(3))
	must(os.Remove(path))
	r.wait(t, "file/load", "the deletion", reason("no such file"))
	write(t, path, "4")
	r.wait(t, "file/load", "the new one", value(4))
	must(os.Truncate(path, 0))
	r.wait(t, "file/load", "the truncation", reason("is empty"))
	write(t, path, "seven")
	r.wait(t, "file/load", "rubbish", reason(`"seven"`))

	open, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(err)
	defer open.Close()
	_, err = open.WriteAt([]byte("12   "), 0)
	must(err)
	r.wait(t, "file/load", "what a writer wrote who keeps the file open", value(12))

	move(t, filepath.Join(dir, "a"), filepath.Join(dir, "away"))
	r.wait(t, "file/load", "the folder moved away", reason("no such file"))
	move(t, filepath.Join(dir, "away"), filepath.Join(dir, "a"))
	r.wait(t, "file/load", "the folder back", value(12))
	must(os.RemoveAll(filepath.Join(dir, "a")))
	r.wait(t, "file/load", "all deleted", reason("no such file"))
	must(os.MkdirAll(filepath.Dir(path), 0o755))
	write(t, path, "13")
	r.wait(t, "file/load", "all made anew", value(13))
	must(os.Remove(path))
	must(unix.Mkfifo(path, 0o600))
	r.wait(t, "file/load", "a pipe, without waiting for its writer", reason("is not a file"))
}

// TestFileBehindLinksIsRead is how Kubernetes shows a changed ConfigMap: a link in the folder is turned, the file is never written.
func TestFileBehindLinksIsRead(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	link := func(to, name string) {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(dir, "tmp")); err != nil {
			t.Fatal(err)
		}
		move(t, filepath.Join(dir, "tmp"), filepath.Join(dir, name))
	}
	for name, text := range map[string]string{"v1": "1", "v2": "2"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name, "load"), text)
	}
	link("v1", "..data")
	link("..data/load", "load")
	r := newRecorder()
	f := NewFiles(r.report, quiet())
	f.Configure([]File{{Name: "load", Path: filepath.Join(dir, "load")}})
	run(t, f.Run)
	r.wait(t, "file/load", "the first version", value(1))
	link("v2", "..data")
	r.wait(t, "file/load", "the second version", value(2))
	write(t, filepath.Join(dir, "v2", "load"), "3")
	r.wait(t, "file/load", "a change of the target", value(3))
	write(t, filepath.Join(elsewhere, "x"), "4")
	link(filepath.Join(elsewhere, "x"), "load")
	r.wait(t, "file/load", "an absolute link", value(4))
	write(t, filepath.Join(elsewhere, "x"), "5")
	r.wait(t, "file/load", "a change far away", value(5))
	link("load", "load")
	r.wait(t, "file/load", "a link to itself", reason("too many levels"))
}

func TestFileIsCreatedWhenToldTo(t *testing.T) {
	dir := t.TempDir()
	ten, twenty := 10, 20
	fresh, kept, over := filepath.Join(dir, "fresh"), filepath.Join(dir, "kept"), filepath.Join(dir, "over")
	write(t, kept, "3")
	write(t, over, "3")
	r := newRecorder()
	f := NewFiles(r.report, quiet())
	files := []File{{Name: "fresh", Path: fresh, Init: &ten}, {Name: "kept", Path: kept, Init: &twenty}, {Name: "over", Path: over, Init: &twenty, Overwrite: true}}
	f.Configure(files)
	run(t, f.Run)
	r.wait(t, "file/fresh", "the new one", value(10))
	r.wait(t, "file/kept", "the old one", value(3))
	r.wait(t, "file/over", "the one written over", value(20))
	write(t, over, "21")
	r.wait(t, "file/over", "the change", value(21))
	before := r.reports("file/over")
	f.Configure(append(files, File{Name: "more", Path: kept}))
	r.wait(t, "file/more", "one more", value(3))
	if got := r.reports("file/over"); got != before || r.fact("file/over").Value != 21 {
		t.Errorf("a reload made %d reports of a file that stayed, and its value %+v, want none and 21", got-before, r.fact("file/over"))
	}
}

// TestWritersDoNotMakeAFileFlap: between cutting a file and writing it, it is empty, and that is nobody's business.
func TestWritersDoNotMakeAFileFlap(t *testing.T) {
	path := filepath.Join(t.TempDir(), "load")
	write(t, path, "0")
	flapped := make(chan Fact, 1000)
	r := newRecorder()
	f := NewFiles(func(source string, fact Fact) {
		if !fact.Up {
			flapped <- fact
		}
		r.report(source, fact)
	}, quiet())
	f.Configure([]File{{Name: "load", Path: path}})
	run(t, f.Run)
	r.wait(t, "file/load", "the start", value(0))
	for i := 1; i <= 200; i++ {
		write(t, path, strings.Repeat(" ", i%7)+"5")
	}
	write(t, path, "6")
	r.wait(t, "file/load", "the last number", value(6))
	if len(flapped) > 0 {
		t.Errorf("the file was reported without a number %d times, first %+v", len(flapped), <-flapped)
	}
}

func TestInotifyRecordsAreParsed(t *testing.T) {
	record := func(wd int32, mask uint32, name string) []byte {
		b := make([]byte, unix.SizeofInotifyEvent+len(name))
		putWord(b, 0, uint32(wd))
		putWord(b, 4, mask)
		putWord(b, 12, uint32(len(name)))
		copy(b[unix.SizeofInotifyEvent:], name)
		return b
	}
	b := append(record(1, unix.IN_CLOSE_WRITE, "load\x00\x00\x00\x00"), record(-1, unix.IN_Q_OVERFLOW, "")...)
	b = append(b, record(2, unix.IN_DELETE_SELF, "")...)
	cut := record(3, unix.IN_MODIFY, "abcd")
	b = append(b, cut[:len(cut)-1]...)
	want := []notice{{1, unix.IN_CLOSE_WRITE, "load"}, {-1, unix.IN_Q_OVERFLOW, ""}, {2, unix.IN_DELETE_SELF, ""}}
	if diff := cmp.Diff(want, parseNotices(b), cmp.AllowUnexported(notice{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
