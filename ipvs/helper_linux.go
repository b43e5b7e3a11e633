package ipvs

import (
	"fmt"
	"io"
	"os"
)

// appsFile is that of the namespace of the thread that opens it.
const appsFile = "/proc/thread-self/net/ip_vs_app"

// openApps opens the list of helpers of the namespace that the calling thread is in. A kernel may have none.
func (n *Netlink) openApps() {
	if n.apps != nil {
		n.apps.Close()
	}
	n.apps, _ = os.Open(appsFile) // none: then there are no helpers
}

// helpers returns those of the namespace. A file that went with the module of IPVS is opened anew.
func (n *Netlink) helpers() []Helper {
	text, err := readAgain(n.apps)
	if err != nil {
		n.openApps()
		text, err = readAgain(n.apps)
	}
	if err != nil {
		return nil
	}
	return parseApps(text)
}

// readAgain reads an open file of /proc from its beginning.
func readAgain(f *os.File) (string, error) {
	if f == nil {
		return "", os.ErrInvalid
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	text, err := io.ReadAll(f)
	return string(text), err
}

// loadHelper has the module of h loaded, and looks whether it is for its ports: a module that is loaded keeps those that it has.
func (n *Netlink) loadHelper(h Helper) error {
	if err := modprobe("ip_vs_"+h.Name, "ports="+h.Ports); err != nil {
		return err
	}
	if is := (Host{Helpers: n.helpers()}).helper(h.Name); !is.covers(h) {
		return fmt.Errorf("%w: %s", errHelperPorts, is.Ports)
	}
	return nil
}
