package ipvs

import (
	"syscall"
	"time"
)

// cost runs f and returns what it took of the CPU at most: as long as it lasted, or what the whole process used meanwhile if that is
// less. On a host that is busy with other things f lasts longer, and is no dearer for it.
func cost(f func()) time.Duration {
	began, used := time.Now(), cpuUsed()
	f()
	return min(time.Since(began), cpuUsed()-used)
}

// cpuUsed returns the CPU time of the process, of the kernel on its behalf too.
func cpuUsed() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
