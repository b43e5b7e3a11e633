package track

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
)

// maxLinks is how many symbolic links a path may lead through, as for the kernel.
const maxLinks = 40

// A dependency is all that decides what one path leads to: names, by the folders that they are in.
type dependency map[string]map[string]bool

func (d dependency) add(folder, name string) {
	if d[folder] == nil {
		d[folder] = map[string]bool{}
	}
	d[folder][name] = true
}

// equal reports whether d and e are the same names.
func (d dependency) equal(e dependency) bool {
	return maps.EqualFunc(d, e, func(a, b map[string]bool) bool { return maps.Equal(a, b) })
}

// follow adds what path, which is absolute, depends on: each of its folders that exists, with the name that is looked for in it, and the same of
// the target of each symbolic link. A file that is replaced, a folder that is moved away and a link that is turned are all a change of a name.
func (d dependency) follow(path string) {
	folder, rest := "/", split(path)
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		if name == ".." {
			folder = filepath.Dir(folder)
			continue
		}
		d.add(folder, name)
		here := filepath.Join(folder, name)
		target, err := os.Readlink(here)
		if err != nil {
			folder = here
			continue
		}
		if links++; links > maxLinks {
			return
		}
		if filepath.IsAbs(target) {
			folder = "/"
		}
		rest = append(split(target), rest...)
	}
}

// split returns the names in a path.
func split(path string) []string {
	var out []string
	for name := range strings.SplitSeq(path, "/") {
		if name != "" && name != "." {
			out = append(out, name)
		}
	}
	return out
}
