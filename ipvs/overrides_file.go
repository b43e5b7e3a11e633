package ipvs

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/govrrpd/govrrpd/ipvs/pool"
)

// overridesVersion is the form of Overrides' JSON.
const overridesVersion = 1

// A ServerOverride is what operators say of one server, with the names of the control socket's JSON.
type ServerOverride struct {
	Service string         `json:"service"`
	Server  netip.AddrPort `json:"server"`
	pool.Override
}

// Overrides is what operators said, in the form in which the next process finds it: {"version": 1, "overrides": […]}.
type Overrides []ServerOverride

type overridesFile struct {
	Version   int               `json:"version"`
	Overrides []json.RawMessage `json:"overrides"`
}

// MarshalJSON returns the newest form.
func (o Overrides) MarshalJSON() ([]byte, error) {
	f := overridesFile{Version: overridesVersion, Overrides: make([]json.RawMessage, 0, len(o))}
	for _, one := range o {
		b, err := json.Marshal(one)
		if err != nil {
			return nil, err
		}
		f.Overrides = append(f.Overrides, b)
	}
	return json.Marshal(f)
}

// UnmarshalJSON reads all that can be read: one that cannot is in the error, and the others are in o. Of a later version, which may mean
// something else, it reads nothing.
func (o *Overrides) UnmarshalJSON(b []byte) error {
	var f overridesFile
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	if f.Version != overridesVersion {
		return fmt.Errorf("version %d of the list of overrides, want %d", f.Version, overridesVersion)
	}
	*o = nil
	var errs []error
	for _, raw := range f.Overrides {
		var one ServerOverride
		err := json.Unmarshal(raw, &one)
		if err == nil {
			err = one.check()
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", raw, err))
			continue
		}
		*o = append(*o, one)
	}
	return errors.Join(errs...)
}

func (o ServerOverride) check() error {
	switch {
	case o.Service == "" || !o.Server.IsValid():
		return errors.New("it names no server")
	case o.Nothing():
		return errors.New("it says nothing")
	case o.Weight != nil && (*o.Weight < 0 || *o.Weight > MaxWeight):
		return fmt.Errorf("weight %d is not within 0 and %d", *o.Weight, MaxWeight)
	}
	return nil
}

// String returns what is said: "drain, weight 5".
func (o ServerOverride) String() string {
	var words []string
	if o.Kind != pool.None {
		words = append(words, o.Kind.String())
	}
	if o.Weight != nil {
		words = append(words, fmt.Sprintf("weight %d", *o.Weight))
	}
	return strings.Join(words, ", ")
}

// attrs are those of a log line about o: which server it is, and who said it.
func (o ServerOverride) attrs() []any {
	by := o.By
	if o.Kind == pool.None {
		by = o.WeightBy
	}
	return []any{"service", o.Service, "server", o.Server, "who", by.Who, "when", by.When, "why", by.Why}
}
