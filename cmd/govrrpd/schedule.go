package main

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// schedule gives all threads of this process, present and future, the wanted real-time priority, and locks its memory. Only the
// difference to what is in force is done. Both need CAP_SYS_NICE and CAP_IPC_LOCK.
func (r *router) schedule(wanted routerConfig) error {
	var errs []error
	if wanted.RTPriority != r.applied.RTPriority {
		if err := setRTPriority(wanted.RTPriority); err != nil {
			errs = append(errs, err)
		} else {
			r.applied.RTPriority = wanted.RTPriority
		}
	}
	if wanted.LockMemory != r.applied.LockMemory {
		if err := lockMemory(wanted.LockMemory); err != nil {
			errs = append(errs, err)
		} else {
			r.applied.LockMemory = wanted.LockMemory
		}
	}
	return errors.Join(errs...)
}

// setRTPriority asks for SCHED_RR with priority 1-99, or for SCHED_OTHER with 0. A single real-time thread is not enough: it
// still has to wait for a scheduler slot that an ordinary thread of this process holds, and that thread waits for a CPU.
func setRTPriority(priority int) error {
	policy := unix.SCHED_RR
	if priority == 0 {
		policy = unix.SCHED_NORMAL
	}
	param := struct{ priority int32 }{int32(priority)}
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_SCHED_SETSCHEDULER, 0, uintptr(policy), uintptr(unsafe.Pointer(&param)))
	if errno != 0 {
		return fmt.Errorf("realtime_priority = %d: sched_setscheduler: %w", priority, errno)
	}
	return nil
}

// lockMemory keeps what the process has touched out of swap. MCL_ONFAULT matters: without it the Go runtime's reserved arenas
// would be populated, several times what is in use.
func lockMemory(on bool) error {
	if !on {
		if err := unix.Munlockall(); err != nil {
			return fmt.Errorf("lock_memory = false: munlockall: %w", err)
		}
		return nil
	}
	if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); err != nil {
		return fmt.Errorf("lock_memory = true: mlockall: %w", err)
	}
	return nil
}
