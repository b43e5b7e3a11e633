package main

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/govrrpd/govrrpd/ipvs"
)

func TestServiceIsPickedByTheFlagsOfIpvsadm(t *testing.T) {
	at := func(p ipvs.Proto, a string) ipvs.Key { return ipvs.Key{Proto: p, Addr: netip.MustParseAddrPort(a)} }
	for _, tt := range []struct {
		args string
		want ipvs.Key // the zero Key for none
	}{
		{"", ipvs.Key{}},
		{"-t 192.0.2.10:80", at(ipvs.TCP, "192.0.2.10:80")},
		{"-t 192.0.2.10:0", at(ipvs.TCP, "192.0.2.10:0")},
		{"--udp-service [2001:db8::10]:53", at(ipvs.UDP, "[2001:db8::10]:53")},
		{"--sctp-service 192.0.2.10:2905", at(ipvs.SCTP, "192.0.2.10:2905")},
		{"-f 80", ipvs.Key{Mark: 80, Family: ipvs.V4}},
		{"-f 0x50 -6", ipvs.Key{Mark: 80, Family: ipvs.V6}},
	} {
		key, err := pickedBy(t, tt.args)
		if d := cmp.Diff(tt.want, key, cmpopts.EquateComparable(ipvs.Key{})); err != nil || d != "" {
			t.Errorf("%q: error %v (-want +got)\n%s", tt.args, err, d)
		}
	}
}

func TestWrongFlagsOfAServiceSayWhatToWrite(t *testing.T) {
	for args, want := range map[string]string{
		"-t 192.0.2.10":                     "want an address and a port, such as 192.0.2.10:80",
		"-u shop:80":                        "--udp-service shop:80",
		"-f 0":                              "want a mark of 1 to 4294967295",
		"-f web":                            "want a mark of 1 to 4294967295",
		"-6":                                "-6 goes with -f MARK",
		"-t 192.0.2.10:80 -u 192.0.2.10:53": "only one of -t, -u",
		"-t 192.0.2.10:80 -f 80":            "only one of -t, -u",
		"-t 192.0.2.10:80 -6":               "-6 goes with -f MARK",
		"--stats --rate":                    "--stats and --rate exclude one another",
		"--rules --stats":                   "--stats is of no use with --rules",
	} {
		_, err := pickedBy(t, args)
		if !errors.Is(err, errUsage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", args, err, want)
		}
	}
}

// pickedBy returns what the flags in args pick of a list.
func pickedBy(t *testing.T, args string) (ipvs.Key, error) {
	t.Helper()
	l := &listing{}
	c := newListCommand(l)
	if err := c.ParseFlags(strings.Fields(args)); err != nil {
		t.Fatal(err)
	}
	if _, err := l.chosen(); err != nil {
		return ipvs.Key{}, err
	}
	key, one, err := l.pick.key()
	if err == nil && one != (args != "") {
		t.Errorf("%q: picked %t", args, one)
	}
	return key, err
}

func TestUnknownServiceIsAnsweredWithThoseThatAre(t *testing.T) {
	list := []ipvs.Listed{{Service: ipvs.Service{Key: ipvs.Key{Proto: ipvs.TCP, Addr: netip.MustParseAddrPort("192.0.2.10:80")}}}}
	wanted := ipvs.Key{Mark: 5, Family: ipvs.V4}
	for _, tt := range []struct {
		list []ipvs.Listed
		want string
	}{
		{nil, "the kernel's table is empty"},
		{list, "the kernel has tcp 192.0.2.10:80"},
		{make([]ipvs.Listed, 100), "among the 100 of the kernel"},
	} {
		if _, err := only(tt.list, wanted); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), wanted.String()) {
			t.Errorf("error %v, want %q and %s", err, tt.want, wanted)
		}
	}
	if got, err := only(list, list[0].Service.Key); err != nil || len(got) != 1 {
		t.Errorf("the one that is there: %v, %v", got, err)
	}
}

func TestPortsHaveTheFirstNameOfServices(t *testing.T) {
	got := readServices(strings.NewReader("# comment\nhttp 80/tcp www # web\nworld-wide 80/tcp\ndomain\t53/udp\nbroken 70000/tcp\nalone\n"))
	want := map[portOf]string{{"tcp", 80}: "http", {"udp", 53}: "domain"}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(portOf{})); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}
