package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/user"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

type callerKey struct{}

// withCaller notes who is at the other end of a connection to the control socket; it is the ConnContext of its server.
func withCaller(ctx context.Context, c net.Conn) context.Context {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	cred, err := peerOf(u)
	if err != nil {
		return ctx
	}
	return context.WithValue(ctx, callerKey{}, userName(cred.Uid)+loginOf(int(cred.Pid), cred.Uid))
}

// callerOf returns the user who sent a request: "root", or "root (login alice)" when alice has become root.
func callerOf(r *http.Request) string {
	if who, ok := r.Context().Value(callerKey{}).(string); ok {
		return who
	}
	return "somebody unknown"
}

// peerOf returns who connected, as the kernel has it.
func peerOf(c *net.UnixConn) (*unix.Ucred, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	var cred *unix.Ucred
	var got error
	if err := raw.Control(func(fd uintptr) { cred, got = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return nil, err
	}
	return cred, got
}

func userName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return "uid " + id
}

// noLogin is what the kernel says of a process that nobody has logged in for.
const noLogin = 1<<32 - 1

// loginOf returns who logged in to what the process belongs to, if that is somebody else: sudo and su do not change it.
func loginOf(pid int, uid uint32) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/loginuid", pid)) // none in a kernel without audit
	if err != nil {
		return ""
	}
	login, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
	if err != nil || login == noLogin || uint32(login) == uid {
		return ""
	}
	return fmt.Sprintf(" (login %s)", userName(uint32(login)))
}
