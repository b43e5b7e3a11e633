package kernel

import "testing"

// FuzzParseRoute: whatever comes, reading it neither panics nor goes on for ever.
func FuzzParseRoute(f *testing.F) {
	f.Add(routeBody(2, 24, 0))
	f.Add(appendAttr(routeBody(2, 0, 0), 9, []byte{8, 0, 0, 0, 3, 0, 0, 0}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, ok := parseRoute(b); ok && !r.prefix.IsValid() {
			t.Errorf("a route to nowhere: %+v", r)
		}
	})
}
