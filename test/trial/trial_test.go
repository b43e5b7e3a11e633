package trial

import (
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEachTriesEveryNumberOnce(t *testing.T) {
	var tried [20]atomic.Int32
	if n := Each(len(tried), 3, func(worker, i int) bool { tried[i].Add(1); return worker < 3 && i%2 == 0 }); n != 10 {
		t.Errorf("%d were true, want 10", n)
	}
	for i := range tried {
		if n := tried[i].Load(); n != 1 {
			t.Errorf("%d was tried %d times", i, n)
		}
	}
}

func TestFailedNamesTestsInTheirOrder(t *testing.T) {
	out := "--- PASS: TestA (0.00s)\n--- FAIL: TestC (0.00s)\n    --- FAIL: TestC/row (0.00s)\n--- FAIL: TestB (0.00s)\nFAIL\n"
	if diff := cmp.Diff([]string{"TestC", "TestB"}, Failed(out)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
