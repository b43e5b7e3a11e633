package ipvs

import (
	gocmp "cmp"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDiffHost(t *testing.T) {
	master := Daemon{State: SyncMaster, Interface: "eth1", ID: 51}
	backup := Daemon{State: SyncBackup, Interface: "eth1", ID: 51, MaxLen: 500}
	shown := func(d Daemon) Daemon { // as the kernel does
		d = d.filled()
		d.MaxLen = gocmp.Or(d.MaxLen, 1472)
		return d
	}
	kernel := Timeouts{TCP: 15 * time.Minute, FIN: 2 * time.Minute, UDP: 5 * time.Minute}
	for _, tt := range []struct {
		name       string
		have, want Host
		ops        []string
	}{
		{"nothing is wanted", Host{Timeouts: kernel, Sysctls: map[string]string{"conntrack": "1"}}, Host{}, nil},
		{"sysctls, whatever the space between numbers",
			Host{Sysctls: map[string]string{"conntrack": "0", "sync_threshold": "3\t50", "cache_bypass": "1"}},
			Host{Sysctls: map[string]string{"sync_threshold": "3 50", "sloppy_tcp": "1", "conntrack": "1"}},
			[]string{"set net.ipv4.vs.conntrack = 1", "set net.ipv4.vs.sloppy_tcp = 1"}},
		{"a defence that the kernel has switched on", Host{Sysctls: map[string]string{"drop_entry": "2", "secure_tcp": "1", "drop_packet": "3", "sync_ports": "2"}},
			Host{Sysctls: map[string]string{"drop_entry": "1", "secure_tcp": "2", "drop_packet": "1", "sync_ports": "1"}},
			[]string{"set net.ipv4.vs.drop_packet = 1", "set net.ipv4.vs.sync_ports = 1"}},
		{"a timeout that is right and those that nobody asked for", Host{Timeouts: kernel}, Host{Timeouts: Timeouts{UDP: 5 * time.Minute}}, nil},
		{"a timeout", Host{Timeouts: kernel}, Host{Timeouts: Timeouts{TCP: time.Hour, UDP: 5 * time.Minute}}, []string{"set timeouts tcp 1h0m0s, udp 5m0s"}},
		{"a daemon that is right", Host{Daemons: []Daemon{shown(master), shown(backup)}}, Host{Daemons: []Daemon{master, backup}}, nil},
		{"a daemon that is missing", Host{}, Host{Daemons: []Daemon{master}},
			[]string{"start sync daemon master on eth1, id 51, group 224.0.0.81 port 8848 ttl 1"}},
		{"a daemon with another id", Host{Daemons: []Daemon{shown(Daemon{State: SyncMaster, Interface: "eth1", ID: 52})}}, Host{Daemons: []Daemon{master}},
			[]string{"stop sync daemon master", "start sync daemon master on eth1, id 51, group 224.0.0.81 port 8848 ttl 1"}},
		{"a new master says what it has before it stops to listen", Host{Daemons: []Daemon{shown(backup)}}, Host{Daemons: []Daemon{master}},
			[]string{"start sync daemon master on eth1, id 51, group 224.0.0.81 port 8848 ttl 1", "stop sync daemon backup"}},
		{"all, in order", Host{Timeouts: kernel, Daemons: []Daemon{shown(master)}},
			Host{Timeouts: Timeouts{FIN: time.Minute}, Sysctls: map[string]string{"sync_ports": "4"}, Daemons: []Daemon{backup}},
			[]string{"set net.ipv4.vs.sync_ports = 4", "set timeouts tcp_fin 1m0s",
				"start sync daemon backup on eth1, id 51, group 224.0.0.81 port 8848 ttl 1 maxlen 1024", "stop sync daemon master"}},
	} {
		var got []string
		for _, o := range DiffHost(tt.have, tt.want) {
			got = append(got, o.String())
		}
		if d := cmp.Diff(tt.ops, got); d != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, d)
		}
	}
}

func TestRefusedSettingsSayWhatToDo(t *testing.T) {
	sysctl := SettingOp{Verb: SetSysctl, Sysctl: Sysctl{"contrack", "1"}}
	start := SettingOp{Verb: StartDaemon, Daemon: Daemon{State: SyncMaster, Interface: "eth7", Group: netip.MustParseAddr("224.0.0.81")}}
	for _, tt := range []struct {
		op   SettingOp
		err  error
		want string
	}{
		{sysctl, &os.PathError{Op: "open", Path: "x", Err: syscall.ENOENT}, "no such setting: remove it"},
		{sysctl, syscall.EINVAL, "does not take this value"},
		{sysctl, syscall.EROFS, "read-only"},
		{sysctl, syscall.EACCES, "in a network namespace some of them are fixed"},
		{start, syscall.EPERM, "CAP_NET_ADMIN"},
		{SettingOp{Verb: SetTimeouts}, syscall.EINVAL, "no timeout that long"},
		{start, syscall.ENODEV, "no interface eth7"},
		{start, syscall.EADDRNOTAVAIL, "interface eth7 must be up and have an address"},
		{start, syscall.ENETUNREACH, "a route to 224.0.0.81"},
		{start, syscall.EEXIST, "somebody else"},
		{start, syscall.EADDRINUSE, "port 8848 is taken"},
		{start, syscall.EINVAL, "servers of the other address family"},
		{start, syscall.ENOMEM, "out of memory"},
		{start, syscall.EAFNOSUPPORT, "no IPv6"},
	} {
		err := explainSetting(tt.op, tt.err)
		if got := err.Error(); !strings.Contains(got, tt.want) || !strings.HasPrefix(got, tt.op.String()+": ") {
			t.Errorf("%v: %q, want the change and %q", tt.err, got, tt.want)
		}
	}
	if got, want := explainSetting(start, fmt.Errorf("odd")).Error(), start.String()+": odd"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestEncodeSettings has the bytes that were seen to do the right thing in a little-endian kernel (TestSettingsKeepTheContract).
func TestEncodeSettings(t *testing.T) {
	for _, tt := range []struct {
		name string
		op   SettingOp
		want string
	}{
		{"timeouts", SettingOp{Verb: SetTimeouts, Timeouts: Timeouts{TCP: 15 * time.Minute, UDP: time.Minute}}, `
		2c000000 1f00 0500 07000000 00000000 0c 01 0000
		0800 0400 84030000 # 900 s
		0800 0500 00000000 # left alone
		0800 0600 3c000000`},
		{"stop a daemon", SettingOp{Verb: StopDaemon, Daemon: Daemon{State: SyncBackup}}, `
		20000000 1f00 0500 07000000 00000000 0a 01 0000
		0c00 0380
		  0800 0100 02000000`},
		{"start one as the kernel thinks best", SettingOp{Verb: StartDaemon, Daemon: Daemon{State: SyncMaster, Interface: "eth1", ID: 51}}, `
		34000000 1f00 0500 07000000 00000000 09 01 0000
		2000 0380
		  0800 0100 01000000
		  0900 0200 65746831 00000000
		  0800 0300 33000000`},
		{"start one with all options", SettingOp{Verb: StartDaemon,
			Daemon: Daemon{SyncBackup, "eth1", 255, 1400, netip.MustParseAddr("224.0.0.99"), 8849, 3}}, `
		54000000 1f00 0500 07000000 00000000 09 01 0000
		4000 0380
		  0800 0100 02000000
		  0900 0200 65746831 00000000
		  0800 0300 ff000000
		  0600 0400 7805 0000
		  0800 0500 e0000063    # network order
		  0600 0700 9122 0000   # the machine's order
		  0500 0800 03 000000`},
		{"start one for an IPv6 group", SettingOp{Verb: StartDaemon, Daemon: Daemon{State: SyncMaster, Interface: "e", Group: netip.MustParseAddr("ff02::81")}}, `
		44000000 1f00 0500 07000000 00000000 09 01 0000
		3000 0380
		  0800 0100 01000000
		  0600 0200 6500 0000
		  0800 0300 00000000
		  1400 0600 ff020000 00000000 00000000 00000081`},
	} {
		var e encoder
		e.setting(tt.op, 0x1f, nlRequest|nlAck, 7)
		if d := cmp.Diff(unhex(t, tt.want), e.b); d != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, d)
		}
	}
}

func TestDecodeSettings(t *testing.T) {
	full := unhex(t, `0800 0100 02000000 0900 0200 65746831 00000000 0800 0300 ff000000 0600 0400 7805 0000 0600 0700 9122 0000 0500 0800 03 000000 0800 0500 e0000063`)
	v6 := unhex(t, `0800 0100 01000000 0600 0200 6500 0000 0800 0300 00000000 1400 0600 ff020000 00000000 00000000 00000081`)
	old := unhex(t, `0800 0100 01000000 0900 0200 65746831 00000000 0800 0300 33000000`)
	for _, tt := range []struct {
		bytes []byte
		want  Daemon
	}{
		{full, Daemon{SyncBackup, "eth1", 255, 1400, netip.MustParseAddr("224.0.0.99"), 8849, 3}},
		{v6, Daemon{SyncMaster, "e", 0, 0, netip.MustParseAddr("ff02::81"), 8848, 1}},
		{old, Daemon{SyncMaster, "eth1", 51, 0, netip.MustParseAddr("224.0.0.81"), 8848, 1}},
	} {
		if got, err := decodeDaemon(tt.bytes); err != nil || got != tt.want {
			t.Errorf("daemon %v, %v, want %v", got, err, tt.want)
		}
	}
	for n := range old[:24] {
		if _, err := decodeDaemon(old[:n]); err == nil {
			t.Errorf("%d bytes of a daemon make one", n)
		}
	}
	header := "0d010000"
	if got, err := decodeTimeouts(unhex(t, header+"0800 0400 84030000 0800 0500 78000000 0800 0600 2c010000")); err != nil || got != (Timeouts{900 * time.Second, 120 * time.Second, 300 * time.Second}) {
		t.Errorf("timeouts %v, %v", got, err)
	}
	if got, err := decodeInfo(unhex(t, header+"0800 0100 01020100 0800 0200 00100000")); err != nil || got != (Info{"1.2.1", 4096}) {
		t.Errorf("info %v, %v", got, err)
	}
	for _, body := range []string{"", "0d01", header, header + "0800 0400 8403"} {
		if got, err := decodeTimeouts(unhex(t, body)); err == nil {
			t.Errorf("timeouts %v out of %q", got, body)
		}
		if got, err := decodeInfo(unhex(t, body)); err == nil {
			t.Errorf("info %v out of %q", got, body)
		}
	}
}
