package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/govrrpd/govrrpd/ipvs"
	"github.com/govrrpd/govrrpd/ipvs/ipvsadm"
)

const (
	servicesFile = "/etc/services"
	// nameDeadline bounds the search for the name of one address.
	nameDeadline = 2 * time.Second
)

// systemNames are what this host calls addresses and ports: by its resolver and /etc/services.
func systemNames() ipvsadm.Names {
	ports := map[portOf]string{}
	if f, err := os.Open(servicesFile); err == nil { // numbers will do without it
		ports = readServices(f)
		f.Close()
	}
	hosts := &hostNames{known: map[netip.Addr]string{}}
	return ipvsadm.Names{Host: hosts.of, Port: func(p ipvs.Proto, port uint16) string { return ports[portOf{p.String(), port}] }}
}

// A portOf is a port of a protocol such as tcp.
type portOf struct {
	proto string
	port  uint16
}

// readServices reads the names of ports from a text in the form of /etc/services; the first name of a port is its own.
func readServices(r io.Reader) map[portOf]string {
	ports := map[portOf]string{}
	for lines := bufio.NewScanner(r); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		number, proto, _ := strings.Cut(words[1], "/")
		port, err := strconv.ParseUint(number, 10, 16)
		if at := (portOf{proto, uint16(port)}); err == nil && ports[at] == "" {
			ports[at] = words[0]
		}
	}
	return ports
}

// hostNames asks the resolver, once for each address. After it did not answer in time it is not asked any more.
type hostNames struct {
	known map[netip.Addr]string
	mute  bool
}

func (h *hostNames) of(a netip.Addr) string {
	if name, ok := h.known[a]; ok || h.mute {
		return name
	}
	ctx, cancel := context.WithTimeout(context.Background(), nameDeadline)
	defer cancel()
	names, err := net.DefaultResolver.LookupAddr(ctx, a.String())
	var dns *net.DNSError
	h.mute = errors.As(err, &dns) && dns.IsTimeout
	name := ""
	if len(names) > 0 {
		name = strings.TrimSuffix(names[0], ".")
	}
	h.known[a] = name
	return name
}
