//go:build netns

package ipvs

import (
	"net"
	"net/netip"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// alone puts the test into a network namespace with an interface ear0 of its own, which hears what it sends to groups.
func alone(t *testing.T) {
	t.Helper()
	runtime.LockOSThread() // and never unlocked: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{"link add name ear0 type veth peer name ear1", "link set dev ear0 up", "link set dev ear1 up",
		"addr add 10.0.0.2/24 dev ear0", "addr add fe80::2/64 dev ear0 nodad", "addr add 2001:db8::2/64 dev ear0 nodad"} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v\n%s", args, err, out)
		}
	}
}

// send sends a message to the group of d from the interface ear0.
func send(t *testing.T, d Daemon, message []byte) {
	t.Helper()
	network := "udp4"
	if d.Group.Is6() {
		network = "udp6"
	}
	conn, err := net.ListenPacket(network, ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	link, err := net.InterfaceByName("ear0")
	if err != nil {
		t.Fatal(err)
	}
	to := &net.UDPAddr{IP: d.Group.AsSlice(), Port: int(d.Port), Zone: "ear0"}
	if d.Group.Is4() {
		to.Zone = ""
		_, err = ipv4.NewPacketConn(conn).WriteTo(message, &ipv4.ControlMessage{IfIndex: link.Index}, to)
	} else {
		_, err = ipv6.NewPacketConn(conn).WriteTo(message, &ipv6.ControlMessage{IfIndex: link.Index}, to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestBackupHearsOneMessageAfterEachRead(t *testing.T) {
	alone(t) // no subtests: they would run on other threads
	for _, group := range []string{"224.0.0.81", "ff02::81", "ff05::81"} {
		d := Daemon{State: SyncBackup, ID: 7, Interface: "ear0", Group: netip.MustParseAddr(group), Port: 8848}
		n := &Netlink{}
		if got := n.listenTo([]Daemon{d}); got != (SyncHeard{}) || n.ear == nil {
			t.Fatalf("%s: heard %+v before there was anything, listens: %t", group, got, n.ear != nil)
		}
		for _, id := range []byte{51, 7} {
			send(t, d, []byte{0})
			send(t, d, []byte{0, id, 0, 8, 0, 1, 0, 0})
			select {
			case <-n.ear.done:
			case <-time.After(10 * time.Second):
				t.Fatalf("%s: heard nothing", group)
			}
			if got := n.listenTo([]Daemon{d}); got.ID != id || !got.From.IsValid() || time.Since(got.At) > time.Minute {
				t.Errorf("%s: heard %+v, want id %d", group, got, id)
			}
		}
		if got := n.listenTo(nil); got != (SyncHeard{}) || n.ear != nil {
			t.Errorf("%s: without a daemon: heard %+v, listens: %t", group, got, n.ear != nil)
		}
	}
}
