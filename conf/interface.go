package conf

import (
	"cmp"
	"fmt"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/govrrpd/govrrpd/vrrp"
)

// rawInterface is an interface block at the top level.
type rawInterface struct {
	Name      string         `hcl:"name,label"`
	NameRange hcl.Range      `hcl:"name,label_range"`
	Place     hcl.Range      `hcl:",def_range"`
	Down      *hcl.Attribute `hcl:"down_delay,optional"`
	Up        *hcl.Attribute `hcl:"up_delay,optional"`
}

// interfaceDelays reads for how long changes of interfaces do not count.
func (d *decoder) interfaceDelays(raw []rawInterface) {
	d.interfaces = map[string]*rawInterface{}
	for i := range raw {
		r := &raw[i]
		if !d.deviceName("interface", r.Name, r.NameRange) {
			continue
		}
		if first := d.interfaces[r.Name]; first != nil {
			d.problem(r.NameRange, fmt.Sprintf("interface %q is described twice", r.Name), fmt.Sprintf("the first is at %s: put all into one", place(first.NameRange)))
			continue
		}
		d.interfaces[r.Name] = r
		delay := vrrp.InterfaceDelay{Interface: r.Name}
		within := span{low: time.Millisecond, high: vrrp.MaxDelay, zero: "at once"}
		d.duration(r.Down, within, &delay.Down)
		d.duration(r.Up, within, &delay.Up)
		d.surroundings.Delays = append(d.surroundings.Delays, delay)
	}
}

// checkDelays reports instances whose interface may be down for longer than the others wait: when it came back, there would be two masters. A
// delay of being up does no such harm.
func (d *decoder) checkDelays(all []*router) {
	for _, delay := range d.surroundings.Delays {
		for _, r := range all {
			patience := time.Duration(cmp.Or(r.DownAdverts, vrrp.DownAdvertsDefault)-1) * r.AdvertInterval
			if r.Interface != delay.Interface || delay.Down == 0 || delay.Down < patience || !r.sound {
				continue
			}
			hint := fmt.Sprintf("write less than %q, or a longer advert_interval", short(patience))
			if patience == 0 {
				hint = "remove down_delay, or write down_timer_adverts = 3 on all routers of the address"
			}
			d.problem(d.interfaces[delay.Interface].Down.Expr.Range(), fmt.Sprintf("down_delay %s of %s is too long for %s, which advertises every %s: the others take over before it ends",
				short(delay.Down), delay.Interface, r.name, short(r.AdvertInterval)), hint)
		}
	}
}
