package kernel

// A bell wakes the goroutine that receives from it. Ringing it while it still rings changes nothing: whoever is woken looks at everything.
type bell chan struct{}

func newBell() bell { return make(bell, 1) }

// ring never blocks.
func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}
