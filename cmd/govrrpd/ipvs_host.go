package main

import (
	"github.com/govrrpd/govrrpd/conf"
	"github.com/govrrpd/govrrpd/ipvs"
)

// needsIPVS reports whether anything of IPVS is configured.
func needsIPVS(c *conf.Config) bool {
	return len(c.Services)+len(c.IPVS.Sync)+len(c.IPVS.Sysctls) > 0 || c.IPVS.Timeouts != ipvs.Timeouts{}
}

// hostFile has what timeouts, settings and sync daemons were before this director, or one before it, changed them.
func (d *daemon) hostFile() string { return runtimeFile(d.socket, "ipvs-host.json") }

func (d *daemon) rememberHost(m ipvs.HostMemory) {
	if err := saveJSON(d.hostFile(), m); err != nil {
		d.log.Warn("cannot remember what the settings of IPVS were", "error", err)
	}
}

// recallHost returns what an earlier director has changed. It is to be put right even when nothing is configured any more.
func (d *daemon) recallHost() ipvs.HostMemory {
	var m ipvs.HostMemory
	if err := loadJSON(d.hostFile(), &m); err != nil {
		d.log.Warn("what the settings of IPVS were is not known; they are not restored", "error", err)
	}
	if len(m.Ours)+len(m.Sysctls) > 0 || m.Timeouts != (ipvs.Timeouts{}) {
		if err := d.table.open(); err != nil {
			d.log.Warn("settings of IPVS that an earlier director changed cannot be looked after", "error", err)
		}
	}
	return m
}
