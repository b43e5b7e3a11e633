package ipvs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
)

// ownedVersion is the form of Owned's JSON. The first one was a bare list of Keys, for which the reader is kept: a director that is
// replaced while it serves has left that.
const ownedVersion = 2

// Owned is what a director has made in the kernel, in the form in which the next one finds it: {"version": 2, "services": […]}.
type Owned struct {
	Services []Key
}

type ownedFile struct {
	Version  int        `json:"version"`
	Services []ownedKey `json:"services"`
}

type ownedKey struct {
	Protocol Proto           `json:"protocol,omitempty"`
	Address  *netip.AddrPort `json:"address,omitempty"`
	Mark     uint32          `json:"fwmark,omitempty"`
	Family   Family          `json:"family,omitempty"`
}

// MarshalJSON returns the newest form.
func (o Owned) MarshalJSON() ([]byte, error) {
	f := ownedFile{Version: ownedVersion, Services: make([]ownedKey, 0, len(o.Services))}
	for _, k := range o.Services {
		out := ownedKey{Protocol: k.Proto, Mark: k.Mark, Family: k.Family}
		if k.Mark == 0 {
			out.Address = &k.Addr
		}
		f.Services = append(f.Services, out)
	}
	return json.Marshal(f)
}

// UnmarshalJSON reads the newest form and the first one. It fails with a form of a later version, which may mean something else.
func (o *Owned) UnmarshalJSON(b []byte) error {
	if first := bytes.TrimSpace(b); len(first) > 0 && first[0] == '[' {
		return json.Unmarshal(b, &o.Services)
	}
	var f ownedFile
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	if f.Version != ownedVersion {
		return fmt.Errorf("version %d of the list of IPVS services, want %d", f.Version, ownedVersion)
	}
	o.Services = make([]Key, 0, len(f.Services))
	for _, k := range f.Services {
		key := Key{Proto: k.Protocol, Mark: k.Mark, Family: k.Family}
		if k.Address != nil {
			key.Addr = *k.Address
		}
		o.Services = append(o.Services, key)
	}
	return nil
}
