//go:build lab

package netns_test

import (
	"strings"
	"testing"

	"github.com/govrrpd/govrrpd/test/netns"
)

const refusedConfig = `
vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  advert_interval   = "500ms"
  virtual_addresses = ["192.0.2.10/24"]
}
virtual_server "shop" {
  address = "192.0.2.10:80"
  real_server "10.0.0.11:80" {}
}
`

// serves tells whether shop is in the kernel's table, with its server.
func serves(n *netns.Node) bool {
	out, err := n.Run("ipvsadm", "-Sn")
	return err == nil && strings.Contains(out, "-a -t 192.0.2.10:80 -r 10.0.0.11:80")
}

func oneDirector(t *testing.T) (*netns.World, *netns.Node) {
	w := netns.New(t)
	lb := w.Node("lb")
	w.Segment("lan0").Attach(lb, "eth0", "192.0.2.1/24")
	return w, lb
}

// shows waits until the status of IPVS has these words in it.
func shows(w *netns.World, d *netns.Director, words ...string) {
	w.WaitNone(settle, "the status of IPVS", func() string {
		out, err := d.Command("status", "ipvs")
		for _, word := range words {
			if err != nil || !strings.Contains(out, word) {
				return "no " + word + " in\n" + out
			}
		}
		return ""
	})
}

// A director that may not change the kernel's table says what it lacks; one that is started with it goes on from there.
func TestDirectorWithoutPermissionSaysSo(t *testing.T) {
	w, lb := oneDirector(t)
	_, services, _ := strings.Cut(refusedConfig, "}\n")
	d := lb.Govrrpd(services)
	w.WaitFor(settle, "shop to be served", func() bool { return serves(lb) })
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	lb.MustRun("ipvsadm", "-C")
	d.Restart("setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin")
	shows(w, d, "THE KERNEL'S TABLE CANNOT BE READ", "the process needs CAP_NET_ADMIN", "shop")
	if err := d.Stop(); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
	d.Restart()
	w.WaitFor(settle, "shop to be served", func() bool { return serves(lb) })
}

// What somebody else made is left alone through a start, a reload and a stop, also where one of our services is to be; the others are served.
func TestServicesOfOthersAreLeftAlone(t *testing.T) {
	w, lb := oneDirector(t)
	const other = "virtual_server \"other\" {\n  address = \"192.0.2.10:81\"\n  real_server \"10.0.0.11:81\" {}\n}\n"
	theirs := []string{"-A -f 5 -s rr", "-a -f 5 -r 10.9.9.9:0 -g -w 1", "-A -t 192.0.2.10:80 -s rr", "-a -t 192.0.2.10:80 -r 10.9.9.9:80 -m -w 1"}
	for _, line := range theirs {
		lb.MustRun(append([]string{"ipvsadm"}, strings.Fields(line)...)...)
	}
	untouched := func(when string) {
		t.Helper()
		table := lb.MustRun("ipvsadm", "-Sn")
		for _, line := range theirs {
			if !strings.Contains(table, line+"\n") || strings.Count(table, "192.0.2.10:80 ") != 2 {
				t.Errorf("%s the table is\n%s", when, table)
				return
			}
		}
	}
	config := "global {\n  flush_on_stop = true\n}\n" + refusedConfig + other
	d := lb.Govrrpd(config)
	w.WaitFor(settle, "the other service to be there", func() bool { return strings.Contains(lb.MustRun("ipvsadm", "-Sn"), "-a -t 192.0.2.10:81") })
	shows(w, d, "ERROR: tcp 192.0.2.10:80 is in the kernel already, made by somebody else", "(10.9.9.9:80)", "ipvsadm -D -t 192.0.2.10:80")
	untouched("after the start")
	if out, err := d.Reload(config + "# again\n"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	untouched("after a reload")
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
	untouched("after the end")
	d.Restart()
	shows(w, d, "ERROR: tcp 192.0.2.10:80 is in the kernel already")
	lb.MustRun("ipvsadm", "-D", "-t", "192.0.2.10:80")
	w.WaitFor(settle, "shop to be served", func() bool { return serves(lb) })
	d.Kill()
	d.Write(strings.Replace(config, "flush_on_stop", "flush_at_start", 1))
	d.Restart()
	w.WaitFor(settle, "a start that flushes to remove what is left of theirs", func() bool {
		return serves(lb) && !strings.Contains(lb.MustRun("ipvsadm", "-Sn"), "-A -f 5")
	})
}
