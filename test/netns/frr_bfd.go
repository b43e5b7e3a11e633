package netns

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// BFDD is FRRouting's bfdd on a node, with the zebra that it needs.
type BFDD struct {
	FRR
	peer string
}

// BFDD starts zebra, if it does not run yet, and bfdd with one session to peer. What are the words after it ("local-address 10.0.0.2
// interface eth0"), and settings the lines of its block ("receive-interval 50"). Package frr must be installed.
func (n *Node) BFDD(peer, what string, settings ...string) *BFDD {
	n.w.t.Helper()
	f := &BFDD{FRR: FRR{node: n, folder: filepath.Join(n.w.dir, n.Name+"-frr")}, peer: "peer " + peer + " " + what}
	if _, err := os.Stat(f.folder); err != nil {
		f.home()
		f.zebra()
	}
	config := "bfd\n " + f.peer + "\n"
	for _, s := range settings {
		config += "  " + s + "\n"
	}
	n.w.must(os.WriteFile(f.file("bfdd.conf"), []byte(config), 0o644), "%s: configuration", n.Name)
	f.Process = f.daemon("bfdd", "--bfdctl", f.file("bfdd.sock"))
	return f
}

// BFDPeer is what bfdd says of its session.
type BFDPeer struct {
	Status     string // "up", "down", "init" or "shutdown"
	Diagnostic string
	RemoteRx   int `json:"remote-receive-interval"`  // ms
	RemoteTx   int `json:"remote-transmit-interval"` // ms
	RemoteMult int `json:"remote-detect-multiplier"`
}

// Session asks bfdd for its session; the zero BFDPeer when it does not answer.
func (f *BFDD) Session() BFDPeer {
	out, err := f.node.Run("timeout", "10", "vtysh", "--vty_socket", f.folder, "-d", "bfdd", "-c", "show bfd peers json")
	var peers []BFDPeer
	if err != nil || json.Unmarshal([]byte(out), &peers) != nil || len(peers) != 1 {
		return BFDPeer{}
	}
	return peers[0]
}

// Set changes the session: "shutdown", "no shutdown", "transmit-interval 100".
func (f *BFDD) Set(setting string) {
	f.node.w.t.Helper()
	argv := []string{"timeout", "10", "vtysh", "--vty_socket", f.folder, "-d", "bfdd"}
	for _, l := range []string{"configure terminal", "bfd", f.peer, setting} {
		argv = append(argv, "-c", l)
	}
	out, err := f.node.Run(argv...)
	f.node.w.must(err, "%s: %s: %s", f.node.Name, setting, fmt.Sprint(out))
}
