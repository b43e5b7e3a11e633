//go:build lab

package ipvs

import (
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// syncNamespace is a namespace with an interface that sync daemons can use.
func syncNamespace(t *testing.T) *Netlink {
	t.Helper()
	n := namespace(t)
	for _, args := range []string{"link add eth1 type veth peer name eth2", "addr add 10.0.0.1/24 dev eth1", "link set eth2 up", "link set eth1 up"} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v\n%s", args, err, out)
		}
	}
	return n
}

func TestSettingsKeepTheContract(t *testing.T) { settingsContract(t, syncNamespace(t)) }

func TestSettingsAreThoseThatIpvsadmShows(t *testing.T) {
	n := syncNamespace(t)
	if errs := n.Set([]SettingOp{
		{Verb: SetTimeouts, Timeouts: Timeouts{TCP: 1000 * time.Second, FIN: 100 * time.Second, UDP: 10 * time.Second}},
		{Verb: StartDaemon, Daemon: Daemon{SyncMaster, "eth1", 51, 1400, netip.MustParseAddr("224.0.0.99"), 8849, 3}},
		{Verb: StartDaemon, Daemon: Daemon{State: SyncBackup, Interface: "eth2", ID: 52}},
	}); errs[0] != nil || errs[1] != nil || errs[2] != nil {
		t.Fatal(errs)
	}
	if got, want := ipvsadm(t, "-L", "--timeout"), "Timeout (tcp tcpfin udp): 1000 100 10\n"; got != want {
		t.Errorf("timeouts %q, want %q", got, want)
	}
	want := "master sync daemon (mcast=eth1, syncid=51, maxlen=1400, group=224.0.0.99, port=8849, ttl=3)\n" +
		"backup sync daemon (mcast=eth2, syncid=52, maxlen=1472, group=224.0.0.81, port=8848, ttl=1)\n"
	if d := cmp.Diff(want, ipvsadm(t, "-L", "--daemon")); d != "" {
		t.Errorf("daemons (-want +got)\n%s", d)
	}
	ipvsadm(t, "--stop-daemon", "master")
	ipvsadm(t, "--stop-daemon", "backup")
	ipvsadm(t, "--set", "900", "0", "300")
	ipvsadm(t, "--start-daemon", "backup", "--mcast-interface", "eth1", "--syncid", "7", "--sync-maxlen", "2000", "--mcast-group", "224.0.0.82", "--mcast-port", "9", "--mcast-ttl", "9")
	asShown := Host{Timeouts: Timeouts{900 * time.Second, 100 * time.Second, 300 * time.Second},
		Daemons: []Daemon{{SyncBackup, "eth1", 7, 2000, netip.MustParseAddr("224.0.0.82"), 9, 9}}}
	if d := cmp.Diff(asShown, hostOf(t, n), equateHost); d != "" {
		t.Errorf("after ipvsadm (-want +got)\n%s", d)
	}
	i, err := n.Info()
	if banner := ipvsadm(t, "-L", "-n"); err != nil || i.TableSize <= 0 || !strings.Contains(banner, "version "+i.Version+" (size=") {
		t.Errorf("info %+v, %v; ipvsadm says %s", i, err, banner)
	}
}

// Every setting that the kernel has can be read and written, and stays that of the namespace in which Open was called.
func TestEverySysctlIsThatOfTheNamespaceOfOpen(t *testing.T) {
	n := namespace(t)
	files, err := os.ReadDir(sysctlFolder)
	if err != nil || len(files) < 20 {
		t.Fatalf("%d settings, %v", len(files), err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
	}
	here := hostOf(t, n, names...)
	if len(here.Sysctls) != len(names) {
		t.Errorf("%d settings of %d were read", len(here.Sysctls), len(names))
	}
	for name, value := range here.Sysctls {
		if value == "" || name == "debug_level" {
			continue // est_cpulist: no list of processors; debug_level belongs to the first namespace, and cannot be written elsewhere
		}
		if err := n.Set([]SettingOp{{Verb: SetSysctl, Sysctl: Sysctl{name, value}}})[0]; err != nil {
			t.Errorf("%s = %s: %v", name, value, err)
		}
	}
	namespace(t) // the thread goes elsewhere; n stays
	if err := n.Set([]SettingOp{{Verb: SetSysctl, Sysctl: Sysctl{"conntrack", "1"}}})[0]; err != nil {
		t.Fatal(err)
	}
	if got := hostOf(t, n, "conntrack").Sysctls["conntrack"]; got != "1" {
		t.Errorf("conntrack is %q in the namespace of Open, want 1", got)
	}
	if b, err := os.ReadFile(sysctlFolder + "/conntrack"); err != nil || strings.TrimSpace(string(b)) != "0" {
		t.Errorf("conntrack is %q (%v) in the namespace of the thread, want 0", b, err)
	}
}

// A server of the other family and a sync daemon exclude each other, whichever comes first and whatever weight the server has; the groups of the
// two daemons may be of two families, and a daemon's of another one than the services.
func TestSyncDaemonsExcludeServersOfTheOtherFamily(t *testing.T) {
	n := syncNamespace(t)
	ipvsadm(t, "-A", "-t", "192.0.2.10:80", "-s", "rr")
	cross := Op{Verb: AddDest, Service: Service{Key: tcp("192.0.2.10:80")}, Dest: Dest{Addr: netip.MustParseAddrPort("[2001:db8::1]:80"), Forward: TUN}}
	start := func(d Daemon) error { return n.Set([]SettingOp{{Verb: StartDaemon, Daemon: d}})[0] }
	master, backup := Daemon{State: SyncMaster, Interface: "eth1"}, Daemon{State: SyncBackup, Interface: "eth1", Group: netip.MustParseAddr("ff02::81")}
	if err := n.Apply([]Op{cross})[0]; err != nil {
		t.Fatal(err)
	}
	for _, d := range []Daemon{master, backup} {
		if err := start(d); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%+v beside a server of the other family: %v, want EINVAL", d, err)
		}
	}
	ipvsadm(t, "-D", "-t", "192.0.2.10:80")
	ipvsadm(t, "-A", "-t", "192.0.2.10:80", "-s", "rr")
	for _, d := range []Daemon{master, backup} {
		if err := start(d); err != nil {
			t.Errorf("%+v: %v", d, err)
		}
		if err := n.Apply([]Op{cross})[0]; !errors.Is(err, syscall.EINVAL) {
			t.Errorf("a server of the other family beside %+v: %v, want EINVAL", d, err)
		}
	}
}
