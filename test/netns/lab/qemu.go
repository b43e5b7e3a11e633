package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// What Debian's packages of the emulated kernel are called, and where they put what is not in PATH.
const (
	qemuPackages = "qemu-system-x86 qemu-system-common linux-image-6.12-cloud-amd64"
	qemuKernels  = "/boot/vmlinuz-6.12*cloud-amd64"
	virtiofsd    = "/usr/lib/qemu/virtiofsd"
)

// virtiofsdDeadline is for virtiofsd to make its socket, which takes some milliseconds.
const virtiofsdDeadline = 10 * time.Second

// qemu boots Debian's 6.12 kernel in software emulation, with the host's root as its root. It is many times slower than
// user-mode-linux at computing, but a newer kernel with several CPUs, every scheduler and GUE.
func qemu(ctx context.Context, s *spec, o options) (int, error) {
	if s.TTY != nil {
		return statusLab, errors.New("-t: a terminal is for the native kernel and user-mode-linux only")
	}
	images, err := filepath.Glob(qemuKernels)
	if err != nil {
		return statusLab, err
	}
	_, noQEMU := exec.LookPath("qemu-system-x86_64")
	_, noFS := os.Stat(virtiofsd)
	if len(images) == 0 || noQEMU != nil || noFS != nil {
		return statusLab, fmt.Errorf("no emulator, file server or kernel: run `apt-get install %s`", qemuPackages)
	}
	s.Serial = true
	if err := s.write(); err != nil {
		return statusLab, err
	}
	self, err := os.Executable()
	if err != nil {
		return statusLab, err
	}
	socket, endFS, err := shareRoot(ctx, s)
	if err != nil {
		return statusLab, err
	}
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-smp", "2", "-m", o.mem,
		"-object", "memory-backend-memfd,id=mem,size="+o.mem+",share=on", "-numa", "node,memdev=mem",
		"-chardev", "socket,id=c0,path="+socket, "-device", "vhost-user-fs-pci,chardev=c0,tag=rootfs",
		"-display", "none", "-monitor", "none", "-no-reboot", "-nic", "none",
		"-serial", "stdio", "-serial", "file:/dev/fd/3", "-serial", "file:/dev/fd/4",
		"-kernel", slices.Max(images),
		"-append", "console=ttyS0 quiet panic=-1 root=rootfs rootfstype=virtiofs rw init="+self+" "+specVariable+"="+s.path())
	defer endFS()
	return runGuest(ctx, cmd, s, func() {})
}

// shareRoot starts the server of the guest's root file system and waits for its socket.
func shareRoot(ctx context.Context, s *spec) (socket string, end func(), err error) {
	socket = filepath.Join(s.folder, "root.sock")
	var log tail
	server := exec.CommandContext(ctx, virtiofsd, "--socket-path="+socket, "-o", "source=/", "-o", "cache=auto", "-o", "sandbox=chroot")
	server.Stdout, server.Stderr = &log, &log
	server.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := server.Start(); err != nil {
		return "", nil, err
	}
	end = func() {
		_ = killGroup(server.Process.Pid) // it ends with its guest, and is gone already if that went well
		_ = server.Wait()
	}
	deadline := time.After(virtiofsdDeadline)
	retry := time.NewTicker(5 * time.Millisecond)
	defer retry.Stop()
	for {
		if _, err := os.Stat(socket); err == nil {
			return socket, end, nil
		}
		select {
		case <-retry.C:
		case <-deadline:
			end()
			return "", nil, fmt.Errorf("virtiofsd made no socket within %s: %s", virtiofsdDeadline, log.String())
		}
	}
}
