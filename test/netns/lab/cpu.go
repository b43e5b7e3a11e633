package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// onOneCPU keeps the calling thread, and what it starts, on one CPU: one that no other guest of ours is on, if there is such a one.
//
// User-mode-linux has a process for each of the guest's, and with each system call of the guest one of the two waits for the other. On two CPUs
// that is a wake-up of an idle one each time, which in a virtual machine takes longer than all the rest: a guest on one CPU does five to
// fifteen times as much.
func onOneCPU() {
	var allowed unix.CPUSet
	if unix.SchedGetaffinity(0, &allowed) != nil {
		return // it is slower
	}
	var cpus []int
	for cpu := range len(allowed) * 64 {
		if allowed.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	if len(cpus) == 0 {
		return
	}
	rand.Shuffle(len(cpus), func(i, j int) { cpus[i], cpus[j] = cpus[j], cpus[i] })
	chosen := cpus[0]
	for _, cpu := range cpus {
		if claim(cpu) {
			chosen = cpu
			break
		}
	}
	var one unix.CPUSet
	one.Set(chosen)
	_ = unix.SchedSetaffinity(0, &one)
}

// claim reports whether no other guest has said the same of that CPU. What it claims it has until this process ends.
func claim(cpu int) bool {
	name := filepath.Join(os.TempDir(), fmt.Sprintf("govrrpd-lab-cpu%d", cpu))
	fd, err := unix.Open(name, unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return false
	}
	if unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) == nil {
		return true // the descriptor stays open
	}
	_ = unix.Close(fd)
	return false
}
