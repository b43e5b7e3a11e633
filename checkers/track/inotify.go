package track

import (
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// watchMask is what changes a name in a folder or the content behind it, and the end of the folder itself.
const watchMask = unix.IN_CLOSE_WRITE | unix.IN_MODIFY | unix.IN_ATTRIB | unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO |
	unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR

// A notice is one thing that inotify says.
type notice struct {
	watch int32 // of the folder; -1 when notices were lost
	mask  uint32
	name  string // in the folder; empty for the folder itself
}

// unfinished reports whether the file is still being written, as far as n tells.
func (n notice) unfinished() bool {
	return n.name != "" && n.mask&unix.IN_ISDIR == 0 && n.mask&(unix.IN_MODIFY|unix.IN_CREATE) != 0
}

// inotify watches folders. Its methods are called from one goroutine; another one reads.
type inotify struct {
	file    *os.File
	notices chan []notice // what concerns the paths; closed when the kernel cannot be heard any more
	done    chan struct{} // closed by close
	reader  sync.WaitGroup

	mu sync.Mutex
	// guarded by mu:
	folders map[int32]map[string]bool // by watch: the names that matter
}

func newInotify() (*inotify, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("inotify_init1 (see sysctl fs.inotify.max_user_instances)", err)
	}
	n := &inotify{
		file:    os.NewFile(uintptr(fd), "inotify"),
		notices: make(chan []notice),
		done:    make(chan struct{}),
		folders: map[int32]map[string]bool{},
	}
	n.reader.Go(n.read)
	return n, nil
}

// close ends the reader and waits for it.
func (n *inotify) close() {
	close(n.done)
	n.file.Close()
	n.reader.Wait()
}

// watch watches all that the paths depend on, and nothing else. What they lead to after that is true until the next notice.
func (n *inotify) watch(paths []string) error {
	var last dependency
	var err error
	for range 10 { // what changed between the look and the watching needs another look
		now := dependency{}
		for _, p := range paths {
			now.follow(p)
		}
		if last != nil && now.equal(last) {
			break
		}
		err = n.arm(now)
		last = now
	}
	return err
}

// arm makes the watched folders those of d. A folder that does not exist has one above it that is watched and does.
func (n *inotify) arm(d dependency) error {
	var errs []error
	folders := map[int32]map[string]bool{}
	n.mu.Lock()
	defer n.mu.Unlock()
	for folder, names := range d {
		wd, err := n.add(folder)
		switch {
		case err == nil && folders[wd] == nil:
			folders[wd] = names
		case err == nil: // two ways to the same folder
			for name := range names {
				folders[wd][name] = true
			}
		case !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR) && !errors.Is(err, unix.EACCES):
			errs = append(errs, &os.PathError{Op: "watch", Path: folder, Err: err})
		}
	}
	for wd := range n.folders {
		if folders[wd] == nil {
			n.remove(wd)
		}
	}
	n.folders = folders
	return errors.Join(errs...)
}

func (n *inotify) add(folder string) (wd int32, err error) {
	err = n.control(func(fd int) error {
		w, err := unix.InotifyAddWatch(fd, folder, watchMask)
		wd = int32(w)
		return err
	})
	return wd, err
}

// remove fails where the folder is gone, and the watch with it.
func (n *inotify) remove(wd int32) {
	_ = n.control(func(fd int) error { _, err := unix.InotifyRmWatch(fd, uint32(wd)); return err })
}

// control runs do on the descriptor without making it block.
func (n *inotify) control(do func(fd int) error) error {
	raw, err := n.file.SyscallConn()
	if err != nil {
		return err
	}
	var doErr error
	err = raw.Control(func(fd uintptr) { doErr = do(int(fd)) })
	return errors.Join(err, doErr)
}

// read hands on what matters, until close.
func (n *inotify) read() {
	defer close(n.notices)
	buf := make([]byte, 64<<10)
	for {
		size, err := n.file.Read(buf)
		if err != nil || size == 0 {
			return
		}
		found := n.relevant(parseNotices(buf[:size]))
		if len(found) == 0 {
			continue
		}
		select {
		case n.notices <- found:
		case <-n.done:
			return
		}
	}
}

// relevant leaves out what happened to other names in the folders.
func (n *inotify) relevant(all []notice) []notice {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []notice
	for _, e := range all {
		names, watched := n.folders[e.watch]
		if e.watch < 0 || watched && (e.name == "" || names[e.name]) {
			out = append(out, e)
		}
	}
	return out
}

// parseNotices reads what the kernel wrote, see inotify(7).
func parseNotices(b []byte) []notice {
	var out []notice
	for len(b) >= unix.SizeofInotifyEvent {
		size := uint64(unix.SizeofInotifyEvent) + uint64(binary.NativeEndian.Uint32(b[12:]))
		if size > uint64(len(b)) {
			break
		}
		n := notice{
			watch: int32(binary.NativeEndian.Uint32(b)),
			mask:  binary.NativeEndian.Uint32(b[4:]),
			name:  strings.TrimRight(string(b[unix.SizeofInotifyEvent:size]), "\x00"),
		}
		if n.mask&unix.IN_Q_OVERFLOW != 0 {
			n.watch = -1
		}
		out = append(out, n)
		b = b[size:]
	}
	return out
}
