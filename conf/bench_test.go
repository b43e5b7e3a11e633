package conf

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// largeConfig is services of 10 servers with a check each, written out; 1,000 of them are 21,000 blocks.
func largeConfig(services int) string {
	var b strings.Builder
	for s := range services {
		fmt.Fprintf(&b, "virtual_server \"s%d\" {\n  address = \"10.0.%d.%d:80\"\n  scheduler = \"wrr\"\n", s, s/250, s%250+1)
		for r := range 10 {
			fmt.Fprintf(&b, "  real_server \"10.%d.%d.%d:8080\" {\n    weight = %d\n", 1+s/250, s%250, r+1, r+1)
			fmt.Fprintf(&b, "    check \"http\" {\n      path     = \"/healthz\"\n      interval = \"2s\"\n    }\n  }\n")
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// largeDynamic is the same from one dynamic block.
func largeDynamic(services int) string {
	return fmt.Sprintf(`
dynamic "virtual_server" {
  for_each = [for i in range(%d) : i]
  iterator = vs
  labels   = ["s${vs.key}"]
  content {
    address   = "${cidrhost("10.0.0.0/16", vs.key + 1)}:80"
    scheduler = "wrr"
    check "http" {
      path     = "/healthz"
      interval = "2s"
    }
    dynamic "real_server" {
      for_each = range(10)
      labels   = ["${cidrhost("10.1.0.0/16", 16 * vs.key + real_server.key + 1)}:8080"]
      content { weight = real_server.key + 1 }
    }
  }
}
`, services)
}

// cpuTime is what the process has used of the processors so far: other than the time on the wall, it does not grow when others
// are busy.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestLoadingTimeGrowsWithSizeOnly: ten times the services may take ten times as long, not a hundred times.
func TestLoadingTimeGrowsWithSizeOnly(t *testing.T) {
	for name, config := range map[string]func(int) string{"written out": largeConfig, "dynamic": largeDynamic} {
		took := func(services int) time.Duration {
			path := file(t, config(services))
			start := cpuTime(t)
			c := mustLoad(t, nil, path)
			if len(c.Services) != services || len(c.Checks) != 10*services {
				t.Errorf("%s: %d services and %d checks, want %d and %d", name, len(c.Services), len(c.Checks), services, 10*services)
			}
			return cpuTime(t) - start
		}
		took(10) // the first load fills caches
		if small, large := took(50), took(500); large > 40*small {
			t.Errorf("%s: 50 services take %s and 500 take %s, want about ten times as long", name, small, large)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	for name, text := range map[string]string{"written": largeConfig(1000), "dynamic": largeDynamic(1000)} {
		b.Run(name, func(b *testing.B) {
			path := b.TempDir() + "/govrrpd.hcl"
			mustWrite(b, path, text)
			b.ReportAllocs()
			for b.Loop() {
				if c, diags := Load([]string{path}, nil); c == nil {
					b.Fatal(diags)
				}
			}
		})
	}
}
