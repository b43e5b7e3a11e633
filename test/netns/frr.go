package netns

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/govrrpd/govrrpd/vrrp"
)

// frrFolder is where Debian keeps FRR's daemons.
const frrFolder = "/usr/lib/frr"

// FRR is FRRouting's vrrpd on a node, with the zebra that it needs. It does not add and remove the virtual address: the operator makes a
// macvlan with the virtual MAC and the address, and FRR takes its carrier away (protodown) for as long as it is not master.
type FRR struct {
	*Process
	node   *Node
	folder string // of sockets and configuration; also what vtysh calls a vty_socket
	status string // what `show vrrp` calls the role in the family of the addresses
}

// frrFamily is 4 or 6, which FRR has in many names.
func (v Instance) frrFamily() int {
	if v.Address.Addr().Is6() {
		return 6
	}
	return 4
}

// frrDevice is the macvlan of the virtual router in FRR's way to name it.
func (v Instance) frrDevice() string { return fmt.Sprintf("vrrp%d-%d", v.frrFamily(), instanceVRID) }

// frrMAC is the virtual router MAC address, RFC 9568 section 7.3.
func (v Instance) frrMAC() net.HardwareAddr {
	mac := vrrp.VirtualMAC(instanceVRID, vrrp.FamilyOf(v.Address.Addr()))
	return mac[:]
}

// frrAddresses is what the macvlan has to have. FRR sends adverts over IPv6 from the first link-local address that the kernel lists, which
// is the one that came last.
func (v Instance) frrAddresses() []netip.Prefix {
	all := append([]netip.Prefix{v.Address}, v.Also...)
	if v.LinkLocal.IsValid() {
		all = append(all, v.LinkLocal)
	}
	return all
}

// FRR returns the configuration for FRR's vrrpd. It has neither passwords nor unicast.
func (v Instance) FRR() string {
	var b strings.Builder
	line := func(format string, args ...any) {
		fmt.Fprintf(&b, " vrrp %d "+format+"\n", append([]any{instanceVRID}, args...)...)
	}
	fmt.Fprintf(&b, "interface eth0\n vrrp %d version %d\n", instanceVRID, v.Version)
	line("priority %d", v.Priority)
	line("advertisement-interval %d", v.Interval.Milliseconds())
	if v.NoPreempt {
		fmt.Fprintf(&b, " no vrrp %d preempt\n", instanceVRID)
	}
	word := map[int]string{4: "ip", 6: "ipv6"}[v.frrFamily()]
	for _, p := range append([]netip.Prefix{v.Address}, v.Also...) {
		line("%s %s", word, p.Addr())
	}
	return b.String()
}

// FRR starts zebra, if it does not run yet, and vrrpd. Package frr must be installed.
func (n *Node) FRR(v Instance) *FRR {
	n.w.t.Helper()
	f := &FRR{node: n, folder: filepath.Join(n.w.dir, n.Name+"-frr"), status: fmt.Sprintf("Status (v%d)", v.frrFamily())}
	if _, err := os.Stat(f.folder); err != nil {
		f.prepare(v)
	}
	n.w.must(os.WriteFile(f.file("vrrpd.conf"), []byte(v.FRR()), 0o644), "%s: configuration", n.Name)
	f.Process = f.daemon("vrrpd")
	return f
}

// prepare makes the macvlan and starts zebra.
func (f *FRR) prepare(v Instance) {
	n := f.node
	n.w.t.Helper()
	f.home()
	n.macvlan("eth0", v.frrDevice(), v.frrMAC(), v.frrAddresses())
	f.zebra()
}

// home makes the folder.
func (f *FRR) home() {
	n := f.node
	n.w.t.Helper()
	n.w.must(os.MkdirAll(f.folder, 0o755), "%s: folder", n.Name)
	n.w.must(f.give(), "run `apt-get install frr`")
}

// zebra starts zebra.
func (f *FRR) zebra() {
	n := f.node
	n.w.t.Helper()
	n.w.must(os.WriteFile(f.file("zebra.conf"), nil, 0o644), "%s: configuration", n.Name)
	f.daemon("zebra")
	n.w.WaitFor(stopLimit, "zebra to listen", func() bool { _, err := os.Stat(f.file("zserv.api")); return err == nil })
}

// give hands the folder to the user that FRR's daemons become; they insist on it. The way there must be open to it.
func (f *FRR) give() error {
	frr, err := user.Lookup("frr")
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(frr.Uid)
	if err != nil {
		return err
	}
	return errors.Join(os.Chown(f.folder, uid, -1), os.Chmod(f.node.w.dir, 0o711))
}

func (f *FRR) file(name string) string { return filepath.Join(f.folder, name) }

// daemon starts one of FRR's daemons with all its files in the folder and no TCP port.
func (f *FRR) daemon(name string, flags ...string) *Process {
	argv := []string{filepath.Join(frrFolder, name), "-P", "0", "-f", f.file(name + ".conf"),
		"-i", f.file(name + ".pid"), "-z", f.file("zserv.api"), "--vty_socket", f.folder, "--log", "stdout"}
	return f.node.Start(name, append(argv, flags...)...)
}

// Command runs commands of FRR's shell, one after the other as if typed, and returns what they print.
func (f *FRR) Command(lines ...string) (string, error) {
	argv := []string{"timeout", "10", "vtysh", "--vty_socket", f.folder, "-d", "vrrpd"}
	for _, l := range lines {
		argv = append(argv, "-c", l)
	}
	return f.node.Run(argv...)
}

// Shutdown takes the virtual router out of service, or back in: a master says so with priority 0.
func (f *FRR) Shutdown(down bool) {
	f.node.w.t.Helper()
	command := fmt.Sprintf("vrrp %d shutdown", instanceVRID)
	if !down {
		command = "no " + command
	}
	out, err := f.Command("configure terminal", "interface eth0", command)
	f.node.w.must(err, "%s: %s: %s", f.node.Name, command, out)
}

// macvlan makes an interface with a hardware address and addresses, and no others. The node has them only while the interface runs.
func (n *Node) macvlan(parent, name string, mac net.HardwareAddr, prefixes []netip.Prefix) {
	n.w.t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.HardwareAddr, attrs.ParentIndex = name, mac, n.link(parent).Attrs().Index
	n.w.must(n.nl.LinkAdd(&netlink.Macvlan{LinkAttrs: attrs, Mode: netlink.MACVLAN_MODE_BRIDGE}), "%s: macvlan %s", n.Name, name)
	n.runs.Store(int32(n.link(name).Attrs().Index))
	n.MustRun("ip", "link", "set", "dev", name, "protodown", "on") // until FRR decides, it is not there
	n.Sysctl("net/ipv6/conf/"+name+"/addr_gen_mode", "1")
	for _, p := range prefixes {
		n.AddAddress(name, p.String())
	}
}

// Role returns what FRR says of the virtual router: "Master", "Backup", "Initialize", or "" when it does not answer.
func (f *FRR) Role() string {
	out, err := f.Command("show vrrp")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(out) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), f.status); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}
