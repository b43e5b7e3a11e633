package conf

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// largeConfig is 1,000 services of 10 servers with a check each, written out: 21,000 blocks.
func largeConfig() string {
	var b strings.Builder
	for s := range 1000 {
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
const largeDynamic = `
dynamic "virtual_server" {
  for_each = range(1000)
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
`

// TestLargeConfigurationLoadsQuickly allows ten times what the benchmark measures: the test machine is busy with others.
func TestLargeConfigurationLoadsQuickly(t *testing.T) {
	for name, text := range map[string]string{"written out": largeConfig(), "dynamic": largeDynamic} {
		path := file(t, text)
		start := time.Now()
		c := mustLoad(t, nil, path)
		if n := len(c.Checks); n != 10_000 || len(c.Services) != 1000 {
			t.Errorf("%s: %d services and %d checks, want 1000 and 10000", name, len(c.Services), n)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s: loading took %s, want about one second", name, took)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	for name, text := range map[string]string{"written": largeConfig(), "dynamic": largeDynamic} {
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
