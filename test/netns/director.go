package netns

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A Director is govrrpd on a node. Its process may be killed and started again: file and sockets stay where they are.
type Director struct {
	*Process
	Config string // path of the configuration
	Socket string // path of the control socket
	node   *Node
	flags  []string
}

// programVariable names the govrrpd to test, in place of bin/govrrpd of this tree.
const programVariable = "GOVRRPD_BIN"

// Program returns the path of the govrrpd that the World runs.
func (w *World) Program() string {
	w.t.Helper()
	if path := os.Getenv(programVariable); path != "" {
		return path
	}
	wd, err := os.Getwd()
	w.must(err, "working directory")
	for dir := wd; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
			continue
		}
		path := filepath.Join(dir, "bin", "govrrpd")
		if _, err := os.Stat(path); err != nil {
			w.t.Fatalf("%v: run `make build`", err)
		}
		return path
	}
	w.t.Fatalf("no go.mod in %s or above: set $%s to the program to test", wd, programVariable)
	return ""
}

// Govrrpd writes config to a file and starts a director with it.
func (n *Node) Govrrpd(config string, flags ...string) *Director {
	n.w.t.Helper()
	folder := filepath.Join(n.w.dir, n.Name)
	n.w.must(os.MkdirAll(folder, 0o755), "%s: folder", n.Name)
	d := &Director{
		node: n, flags: flags,
		Config: filepath.Join(folder, "govrrpd.hcl"), Socket: filepath.Join(folder, "control.sock"),
	}
	d.Write(config)
	d.Restart()
	return d
}

// Write replaces the configuration file.
func (d *Director) Write(config string) {
	d.node.w.t.Helper()
	d.node.w.must(os.WriteFile(d.Config, []byte(config), 0o644), "%s: configuration", d.node.Name)
}

// Restart starts the director again after it ended, as a program of those in front of it if there are any: "setpriv", "--bounding-set", ….
func (d *Director) Restart(front ...string) {
	d.node.w.t.Helper()
	argv := append(slices.Clone(front), d.node.w.Program(), "run", "-c", d.Config, "--socket", d.Socket)
	d.Process = d.node.Start("govrrpd", append(argv, d.flags...)...)
}

// Command runs a command of govrrpd that talks to this director, and returns what it printed and whether it went well.
func (d *Director) Command(args ...string) (string, error) {
	return d.node.Run(append(append([]string{d.node.w.Program()}, args...), "--socket", d.Socket)...)
}

// StartCommand is Command in the background, as a process of that name.
func (d *Director) StartCommand(name string, args ...string) *Process {
	d.node.w.t.Helper()
	return d.node.Start(name, append(append([]string{d.node.w.Program()}, args...), "--socket", d.Socket)...)
}

// Reload writes config and asks the director to load it.
func (d *Director) Reload(config string) (string, error) {
	d.node.w.t.Helper()
	d.Write(config)
	return d.Command("reload")
}

// RouterPID returns the process id of the router, the child that speaks VRRP and outlives the director.
func (d *Director) RouterPID() (int, error) {
	pids, err := processesIn(d.node.ns)
	if err != nil {
		return 0, err
	}
	for _, pid := range pids {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		argv := strings.Split(string(b), "\x00")
		if err == nil && len(argv) > 1 && argv[1] == "router" && strings.Contains(string(b), filepath.Dir(d.Socket)) {
			return pid, nil
		}
	}
	return 0, fmt.Errorf("no router of %s on %s", d.Socket, d.node.Name)
}

// Status is the part of the director's status that tests look at; the names are those of the contract.
type Status struct {
	VRRP []RouterStatus
	BFD  []BFDStatus
	IPVS []struct {
		Name        string
		RealServers []struct {
			Address string
			Weight  int
			Up      bool
		} `json:"real_servers"`
	}
	Engine struct {
		Applied       int `json:"changes_applied"`
		DriftRepaired int `json:"drift_repaired"`
		Warnings      []string
		Drifts        []struct {
			Service, Server, Found, Undo string
			Seen, Repaired               time.Time
		}
	} `json:"ipvs_engine"`
}

// RouterStatus is what the director says of one virtual router.
type RouterStatus struct {
	Name        string
	Role        string
	Priority    int
	Master      string
	Since       time.Time
	Dropped     map[string]uint64
	DualMasters uint64 `json:"dual_masters"`
	Rivals      []struct {
		From, MAC, Why string
		Priority       int
		MustYield      string `json:"must_yield"`
	}
}

// Router returns what the director says of a virtual router; the zero RouterStatus when it does not answer or knows none of that name.
func (d *Director) Router(name string) RouterStatus {
	s, err := d.Status(d.node.w.t.Context())
	if err != nil {
		return RouterStatus{}
	}
	for _, v := range s.VRRP {
		if v.Name == name {
			return v
		}
	}
	return RouterStatus{}
}

// Status asks the director over its control socket. Any goroutine may call it.
func (d *Director) Status(ctx context.Context) (Status, error) {
	var s Status
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", d.Socket)
		},
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://govrrpd/api/v1/status", nil)
	if err != nil {
		return s, err
	}
	res, err := client.Do(req)
	if err != nil {
		return s, err
	}
	defer res.Body.Close()
	return s, json.NewDecoder(res.Body).Decode(&s)
}

// BFDStatus is what the director says of one BFD session.
type BFDStatus struct {
	Name          string
	State         string
	RemoteState   string `json:"remote_state"`
	Reason        string
	Since         time.Time
	TxInterval    string `json:"tx_interval"`
	RxInterval    string `json:"rx_interval"`
	DetectionTime string `json:"detection_time"`
	Polling       bool
	Flaps         int
}

// BFD returns the BFD session of that name; the zero BFDStatus when the director does not answer or knows none.
func (d *Director) BFD(name string) BFDStatus {
	s, err := d.Status(d.node.w.t.Context())
	if err != nil {
		return BFDStatus{}
	}
	for _, b := range s.BFD {
		if b.Name == name {
			return b
		}
	}
	return BFDStatus{}
}

// Role returns the role of a virtual router, or "" when the director does not answer or knows none of that name.
func (d *Director) Role(name string) string {
	s, err := d.Status(d.node.w.t.Context())
	if err != nil {
		return ""
	}
	for _, v := range s.VRRP {
		if v.Name == name {
			return v.Role
		}
	}
	return ""
}

// Dropped returns how many adverts a virtual router has refused for a reason; 0 when the director does not answer.
func (d *Director) Dropped(name, reason string) uint64 {
	s, err := d.Status(d.node.w.t.Context())
	if err != nil {
		return 0
	}
	for _, v := range s.VRRP {
		if v.Name == name {
			return v.Dropped[reason]
		}
	}
	return 0
}

// Keepalived starts the real keepalived on the node with its own process id files; -P makes it do VRRP alone.
func (n *Node) Keepalived(name, config string, flags ...string) *Process {
	n.w.t.Helper()
	program, err := exec.LookPath("keepalived")
	n.w.must(err, "run `apt-get install keepalived`")
	folder := filepath.Join(n.w.dir, n.Name)
	n.w.must(os.MkdirAll(folder, 0o755), "%s: folder", n.Name)
	file := func(suffix string) string { return filepath.Join(folder, name+suffix) }
	n.w.must(os.WriteFile(file(".conf"), []byte(config), 0o644), "%s: configuration", n.Name)
	argv := []string{
		program, "--dont-fork", "--log-console", "--log-detail", "--use-file", file(".conf"),
		"--pid", file(".pid"), "--vrrp_pid", file(".vrrp.pid"), "--checkers_pid", file(".checkers.pid"),
		"--bfd_pid", file(".bfd.pid"),
	}
	return n.Start(name, append(argv, flags...)...)
}
