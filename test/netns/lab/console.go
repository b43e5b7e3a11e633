package main

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// streams returns what becomes standard input, output and error of the command. In a guest they are the consoles or serial lines 1 and 2, whose
// other ends the host reads: one for output, one for errors, so that the two can be told apart.
func (s *spec) streams() (in, out, errs *os.File, err error) {
	if s.Native {
		return os.Stdin, os.Stdout, os.Stderr, nil
	}
	if out, err = s.console(1); err != nil {
		return nil, nil, nil, err
	}
	if s.TTY != nil {
		return out, out, out, unix.IoctlSetWinsize(int(out.Fd()), unix.TIOCSWINSZ, s.TTY)
	}
	if errs, err = s.console(2); err != nil {
		return nil, nil, nil, err
	}
	if err = binary(out); err != nil {
		return nil, nil, nil, err
	}
	if err = binary(errs); err != nil {
		return nil, nil, nil, err
	}
	in, err = os.Open(os.DevNull)
	return in, out, errs, err
}

// firstSerial is the minor number of ttyS0; its major is that of the virtual consoles.
const firstSerial = 64

// console opens a virtual console or a serial line by a node of its own: the host's /dev may lack it.
func (s *spec) console(n int) (*os.File, error) {
	path := filepath.Join("/run", fmt.Sprintf("lab-tty%d", n))
	minor := uint32(n)
	if s.Serial {
		minor += firstSerial
	}
	if err := unix.Mknod(path, unix.S_IFCHR|0o600, int(unix.Mkdev(4, minor))); err != nil {
		return nil, fmt.Errorf("mknod %s: %w", path, err)
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return os.NewFile(uintptr(fd), path), nil
}

// binary makes a terminal pass every byte on as it is.
func binary(f *os.File) error {
	t, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		return fmt.Errorf("termios of %s: %w", f.Name(), err)
	}
	t.Oflag &^= unix.OPOST
	t.Lflag &^= unix.ECHO | unix.ICANON | unix.ISIG
	return unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, t)
}
