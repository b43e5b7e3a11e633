package vrrp

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A timeline performs what Step asks for on a clock of its own.
type timeline struct {
	c        *Config
	st       State
	now      time.Duration
	deadline time.Duration // -1 when the timer is not armed
	sent     []sending
}

type sending struct {
	At       time.Duration
	Priority uint8
}

func begun(c *Config) *timeline {
	l := &timeline{c: c, st: NewState(c), deadline: -1}
	l.step(Start{})
	return l
}

func (l *timeline) step(ev Event) {
	var do []Action
	l.st, do = Step(l.c, l.st, ev)
	for _, a := range do {
		switch a := a.(type) {
		case Send:
			l.sent = append(l.sent, sending{l.now, a.Priority})
		case Arm:
			l.deadline = l.now + a.After
		case Disarm:
			l.deadline = -1
		}
	}
}

// at lets time pass until t, serving the timer at its exact instants, and then hands over ev.
func (l *timeline) at(t time.Duration, ev Event) {
	l.until(t)
	l.step(ev)
}

func (l *timeline) until(t time.Duration) {
	for l.deadline >= 0 && l.deadline <= t {
		l.now, l.deadline = l.deadline, -1
		l.step(Expired{})
	}
	l.now = t
}

func (l *timeline) wantSent(t *testing.T, want ...sending) {
	t.Helper()
	if diff := cmp.Diff(want, l.sent); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}

func TestBackupTakesOverAfterTheDownInterval(t *testing.T) { // R-6.4.1-04
	l := begun(machineConfig(func(c *Config) { c.Priority = 254 }))
	l.until(4007812500)
	l.wantSent(t, sending{3007812500, 254}, sending{4007812500, 254})
}

func TestOwnerSendsAtOnce(t *testing.T) { // R-6.4.1-01
	l := begun(machineConfig(owner))
	l.until(time.Second)
	l.wantSent(t, sending{0, 255}, sending{time.Second, 255})
}

func TestBackupTakesOverOneSkewAfterAResignation(t *testing.T) { // R-6.4.2-11
	l := begun(machineConfig(nil))
	l.at(500*ms, advert(higher, 201, time.Second))
	l.at(900*ms, advert(higher, 0, 40950*ms))
	l.until(1200 * ms)
	l.wantSent(t, sending{1118750 * time.Microsecond, 200})
}

func TestBackupTakesOverInSpiteOfLowerAdverts(t *testing.T) { // R-6.4.2-13
	l := begun(machineConfig(nil))
	for i := range time.Duration(100) {
		l.at(i*30*ms, advert(lower, 100, 3*time.Second))
	}
	l.until(3300 * ms)
	l.wantSent(t, sending{3218750 * time.Microsecond, 200})
}

func TestNoPreemptBackupTakesOverWhenTheMasterFallsSilent(t *testing.T) { // R-6.4.2-14
	l := begun(machineConfig(noPreempt))
	for i := range time.Duration(10) {
		l.at(i*time.Second, advert(lower, 100, time.Second))
	}
	l.until(13 * time.Second)
	l.wantSent(t, sending{12218750 * time.Microsecond, 200})
}

func TestOwnerTakesOverWithoutPreemption(t *testing.T) { // R-6.1-04
	l := begun(machineConfig(func(c *Config) { owner(c); quietYield(c) }))
	l.at(100*ms, advert(higher, 255, time.Second)) // yields to another owner
	l.c = machineConfig(func(c *Config) { owner(c); noPreempt(c) })
	for i := range time.Duration(4) {
		l.at(time.Second+i*500*ms, advert(lower, 100, time.Second))
	}
	l.until(3200 * ms)
	l.wantSent(t, sending{0, 255}, sending{3103906250, 255})
}

func TestMasterSendsByItsOwnIntervalAfterLearningAnother(t *testing.T) { // R-6.4.2-10
	l := begun(machineConfig(nil))
	l.at(0, advert(higher, 201, 3*time.Second))
	l.until(11 * time.Second)
	l.wantSent(t, sending{9656250 * time.Microsecond, 200}, sending{10656250 * time.Microsecond, 200})
}

func TestMasterKeepsItsCadence(t *testing.T) { // R-6.4.3-09
	l := begun(machineConfig(owner))
	l.until(1000 * time.Second)
	var want []sending
	for i := range time.Duration(1001) {
		want = append(want, sending{i * time.Second, 255})
	}
	l.wantSent(t, want...)
}

func TestLowerAdvertsDoNotShiftTheCadence(t *testing.T) { // R-6.4.3-14
	l := begun(machineConfig(owner))
	l.at(300*ms, advert(lower, 100, 3*time.Second))
	l.at(1900*ms, advert(lower, 100, 3*time.Second))
	l.until(2 * time.Second)
	l.wantSent(t, sending{0, 255}, sending{300 * ms, 255}, sending{time.Second, 255}, sending{1900 * ms, 255}, sending{2 * time.Second, 255})
}

func TestResignationOfAnotherStartsTheIntervalAnew(t *testing.T) { // R-6.4.3-10
	l := begun(machineConfig(owner))
	l.at(400*ms, advert(lower, 0, time.Second))
	l.until(1500 * ms)
	l.wantSent(t, sending{0, 255}, sending{400 * ms, 255}, sending{1400 * ms, 255})
}

func TestYieldingMasterWaitsByTheSendersIntervalAndItsOwnPriority(t *testing.T) { // R-6.4.3-11
	l := begun(machineConfig(quietYield))
	l.until(3500 * ms) // master since 3.21875 s
	l.step(advert(lower, 254, 2*time.Second))
	l.until(10 * time.Second)
	l.wantSent(t, sending{3218750 * time.Microsecond, 200}, sending{9937500 * time.Microsecond, 200})
}

func TestVersion2LearnsNoInterval(t *testing.T) {
	l := begun(machineConfig(func(c *Config) { c.Version = V2; c.AdvertInterval = 3 * time.Second }))
	l.at(0, advert(higher, 201, time.Second)) // Admit refuses this one; the machine does not rely on it
	if l.st.MasterInterval != 3*time.Second || l.deadline != 9218750*time.Microsecond {
		t.Errorf("learned %s, deadline %s, want 3s, 9.21875s", l.st.MasterInterval, l.deadline)
	}
}
