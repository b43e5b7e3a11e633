// Package nft is what all tables of nftables of ours need to talk to the kernel, whatever is in them: vrrp/kernel refuses packets with one, and
// ipvs/mark gives marks with another.
package nft

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// ErrNoTables is what a kernel says that was built without them.
var ErrNoTables = errors.New("the kernel has no nftables for IPv4 and IPv6 at once (CONFIG_NF_TABLES_INET)")

const (
	transaction = 8 << 20 // bytes; one for tens of thousands of addresses goes to the kernel in one piece, and has an answer to each message

	// changes is the multicast group of netlink that tells of every change of nftables, NFNLGRP_NFTABLES of linux/nfnetlink.h.
	changes = 1 << (7 - 1)
)

// Dial returns a connection with room for the largest transaction, for the network namespace of the calling thread.
func Dial() (*nftables.Conn, error) {
	conn, err := nftables.New(nftables.WithSockOptions(func(conn *netlink.Conn) error {
		return errors.Join(conn.SetWriteBuffer(transaction), conn.SetReadBuffer(transaction))
	}))
	if err != nil {
		return nil, fmt.Errorf("nftables: %w", err)
	}
	return conn, nil
}

// Refusal makes one line of what the kernel said about each step of a transaction: of those after the first it only says that they
// lack it. It is ErrNoTables where there is no nftables.
func Refusal(err error) error {
	if errors.Is(err, unix.EOPNOTSUPP) {
		return ErrNoTables
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return errors.New(line)
}

// Changes hears of every change of nftables in one network namespace, by whomever. One goroutine waits at a time; Stop may be called by another.
type Changes struct {
	file *os.File
	raw  syscall.RawConn
}

// Listen returns the changes from now on in the network namespace of the calling thread. The caller closes them.
func Listen() (*Changes, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	c := &Changes{file: os.NewFile(uintptr(fd), "nftables")}
	c.raw, err = c.file.SyscallConn()
	err = errors.Join(err, os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: changes})))
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Wait returns when something has changed that was not waited for yet, or with an error after Stop.
func (c *Changes) Wait() error {
	buf := make([]byte, 8<<10) // what is cut is not needed
	return c.raw.Read(func(fd uintptr) bool {
		_, _, err := unix.Recvfrom(int(fd), buf, unix.MSG_DONTWAIT)
		return err != unix.EAGAIN
	})
}

// Forget takes what has changed until now for waited for.
func (c *Changes) Forget() {
	var b [1]byte
	_ = c.raw.Control(func(fd uintptr) {
		for {
			if _, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_DONTWAIT); err != nil && err != unix.EINTR && err != unix.ENOBUFS {
				return
			}
		}
	})
}

// Stop ends Wait, now and from now on.
func (c *Changes) Stop() { _ = c.file.SetReadDeadline(time.Unix(1, 0)) }

// Close gives the socket back.
func (c *Changes) Close() { _ = c.file.Close() }
