//go:build netns

package ipvs

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// On a host without IPVS there must be an error that says what to do, and never success for nothing. Whether the host has it shows
// after Open, which loads the module.
func TestOpenSaysWhenTheKernelHasNoIPVS(t *testing.T) {
	n, err := Open()
	if _, statErr := os.Stat(procFile); statErr == nil {
		if err != nil {
			t.Fatalf("%s is there, and Open says %v", procFile, err)
		}
		n.Close()
		return
	}
	if !errors.Is(err, ErrNoIPVS) {
		t.Fatalf("error %v, want %v", err, ErrNoIPVS)
	}
	for _, part := range []string{"CONFIG_IP_VS", "ip_vs"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not mention %s", err, part)
		}
	}
	t.Log(err)
}
