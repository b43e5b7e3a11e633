package vrrp

import "testing"

// Who waits for somebody else's advert looks at its queue before its timer counts; a master in office does not.
func TestWhoWaitsForAnAdvert(t *testing.T) {
	for name, tt := range map[string]struct {
		st   State
		want bool
	}{
		"a backup":                              {State{Role: Backup}, true},
		"a master that overslept":               {State{Role: Master, Listening: true}, true},
		"a master that has offered its role":    {State{Role: Master, Handover: Offering}, true},
		"a master in office":                    {State{Role: Master}, false},
		"a master that has found its successor": {State{Role: Master, Handover: Succeeded}, false},
		"a master that arrives":                 {State{Role: Master, Handover: Arriving}, false},
		"a router in fault":                     {State{Role: Fault}, false},
	} {
		if got := tt.st.waits(); got != tt.want {
			t.Errorf("%s waits: %v, want %v", name, got, tt.want)
		}
	}
}
