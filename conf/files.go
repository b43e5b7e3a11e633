package conf

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// maxBytes bounds all files together. 10,000 real servers are 1.7 MB.
const maxBytes = 16 << 20

// A source is the files of one configuration.
type source struct {
	names []string // sorted
	bytes map[string][]byte
	files map[string]*hcl.File // parsed, by name, without the parts
	parts []part               // in the order of names, and of places in a file
	size  int
	diags hcl.Diagnostics
}

// readFiles reads the files, and the *.hcl of the folders, that paths name. A file that is named twice is read once.
func readFiles(paths []string) *source {
	s := &source{bytes: map[string][]byte{}, files: map[string]*hcl.File{}}
	if len(paths) == 0 || slices.Contains(paths, "") {
		s.problem("", "no configuration file was named", "name a file, or a folder of *.hcl files")
	}
	for _, p := range paths {
		if p != "" {
			s.add(filepath.Clean(p), true)
		}
	}
	slices.Sort(s.names)
	return s
}

func (s *source) problem(file, message, hint string) {
	s.diags = append(s.diags, newProblem(hcl.Range{Filename: file}, message, hint))
}

// add reads a file or, where folders are welcome, all of a folder.
func (s *source) add(path string, folders bool) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.problem(path, "there is no such file or folder", "check the path; the default is /etc/govrrpd")
	case err != nil:
		s.problem(path, cause(err), "")
	case info.IsDir() && !folders:
		s.problem(path, "this is a folder in a folder of configuration files", "move its files up, or rename it so that it does not end in .hcl")
	case info.IsDir():
		s.addFolder(path)
	case !info.Mode().IsRegular():
		s.problem(path, "this is neither a file nor a folder", "name a file, or a folder of *.hcl files")
	default:
		s.addFile(path)
	}
}

// addFolder reads the *.hcl of a folder but not of the folders in it. Names with a leading dot are editors' leftovers.
func (s *source) addFolder(path string) {
	entries, err := os.ReadDir(path)
	if err != nil {
		s.problem(path, cause(err), "")
		return
	}
	found := false
	for _, e := range entries {
		if name := e.Name(); filepath.Ext(name) == ".hcl" && !strings.HasPrefix(name, ".") {
			s.add(filepath.Join(path, name), false)
			found = true
		}
	}
	if !found {
		s.problem(path, "the folder has no *.hcl file", "put the configuration into "+filepath.Join(path, "govrrpd.hcl"))
	}
}

func (s *source) addFile(path string) {
	if _, again := s.bytes[path]; again {
		return
	}
	b, _, err := readAtMost(path, maxBytes-s.size)
	switch {
	case errors.Is(err, errTooLong):
		s.problem(path, "the configuration has more than 16 MiB", "say with dynamic blocks what repeats")
	case err != nil:
		s.problem(path, cause(err), "")
	default:
		s.size += len(b)
		s.bytes[path] = b
		s.names = append(s.names, path)
	}
}

// errNotAFile is for folders, pipes and devices.
var errNotAFile = errors.New("it is no regular file")

var errTooLong = errors.New("it is too long")

// readAtMost returns what is in a regular file, with its mode: a pipe would make us wait, and a device may have no end.
func readAtMost(path string, limit int) ([]byte, fs.FileMode, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, errNotAFile
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err == nil && len(b) > limit {
		err = errTooLong
	}
	return b, info.Mode(), err
}

// cause strips the path from an error of the file system: the diagnostic names it already.
func cause(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return "cannot be read: " + e.Err.Error()
	}
	return "cannot be read: " + err.Error()
}

// body is all files as one, in the order of their names, but for the parts.
func (s *source) body() hcl.Body {
	var files []*hcl.File
	for _, name := range s.names {
		files = append(files, s.files[name])
	}
	return hcl.MergeFiles(files)
}
