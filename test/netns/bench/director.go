package main

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/govrrpd/govrrpd/test/netns"
)

// A director is at rest when its memory stays within restBand MB for as many looks as restLooks, restPause apart.
const (
	restBand  = 1
	restLooks = 4
	restPause = time.Second
)

// startGovrrpd measures, once the table is there, a reload without a change and one with another weight, and the memory of the director
// after them.
func startGovrrpd(s *scene, _ *netns.World, n *netns.Node, services int) func(*filling) {
	config := hclTable(services)
	d := n.Govrrpd(config)
	return func(f *filling) {
		poll(s, "the last service to be logged", func() bool { return changes(s, d) >= f.Services })
		before := changes(s, d)
		reload(s, d, config)
		f.Writes = float64(changes(s, d) - before)
		reload(s, d, strings.Replace(config, "weight = 1 }", "weight = 2 }", 1))
		changed := regexp.MustCompile(`(?m)^time=(\S+) .*msg="server weight changed"`)
		poll(s, "the changed weight", func() bool { return changed.MatchString(d.Log()) })
		read := regexp.MustCompile(`(?m)^time=(\S+) .*msg="configuration read"`).FindAllStringSubmatch(d.Log(), -1)
		f.Weight = ms(stamp(s, changed.FindStringSubmatch(d.Log())[1]).Sub(stamp(s, read[len(read)-1][1])))
		f.Resident = atRest(s, d.PID())
		f.Peak = memory(s, d.PID(), "VmHWM")
	}
}

// atRest returns the MB that a process keeps when it has nothing to do.
func atRest(s *scene, pid int) float64 {
	var last float64
	looks := 0
	ticker := time.NewTicker(restPause)
	defer ticker.Stop()
	poll(s, "the memory of the director to settle", func() bool {
		<-ticker.C
		now := memory(s, pid, "VmRSS")
		looks++
		if math.Abs(now-last) > restBand {
			last, looks = now, 1
		}
		return looks >= restLooks
	})
	return last
}

// changes returns how many changes of the kernel's table the log tells of: one for each new service, and one for each later change.
func changes(s *scene, d *netns.Director) (n int) {
	for _, line := range regexp.MustCompile(`(?m)^.* msg="(?:service|server|sorry server) (?:weight )?(?:added|changed|removed)"|left_out=(\d+)`).FindAllStringSubmatch(d.Log(), -1) {
		more := 1
		if line[1] != "" {
			var err error
			if more, err = strconv.Atoi(line[1]); err != nil {
				s.Fatalf("lines left out of the log: %v", err)
			}
		}
		n += more
	}
	return n
}

func reload(s *scene, d *netns.Director, config string) {
	if out, err := d.Reload(config); err != nil {
		s.Fatalf("reload: %v: %s", err, out)
	}
}

func stamp(s *scene, text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		s.Fatalf("time of a line of the log: %v", err)
	}
	return t
}

// memory returns a figure of /proc/PID/status in MB.
func memory(s *scene, pid int, what string) float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		s.Fatalf("%v", err)
	}
	var kb float64
	for line := range strings.Lines(string(b)) {
		if rest, found := strings.CutPrefix(line, what+":"); found {
			if _, err := fmt.Sscanf(rest, "%f kB", &kb); err != nil {
				s.Fatalf("%s of %d: %v", what, pid, err)
			}
		}
	}
	return kb / 1024
}
