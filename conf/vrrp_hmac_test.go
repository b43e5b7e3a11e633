package conf

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govrrpd/govrrpd/vrrp"
)

// hmacFile is a configuration with this inside of the hmac block.
func hmacFile(t *testing.T, content string) string {
	return file(t, fmt.Sprintf(`
vrrp_instance "web" {
  interface         = "eth0"
  virtual_router_id = 51
  advert_interval   = "3s"
  virtual_addresses = ["192.0.2.10/24"]
  hmac {
    %s
  }
}`, content))
}

const goodKey = "0123456789abcdef0123456789abcdef"

func TestHMACIsRead(t *testing.T) {
	key := vrrp.HMACKey{ID: 1, Secret: vrrp.Secret(goodKey)}
	for _, c := range []struct {
		content string
		want    vrrp.HMAC
	}{
		{`active_key = 1
		  key "1" { secret = "` + goodKey + `" }`,
			vrrp.HMAC{Window: 9 * time.Second, ActiveKey: 1, Keys: []vrrp.HMACKey{key}}},
		{`active_key = 255
		  mode = "receive-only"
		  time_window = "300s"
		  key "1" { secret = "` + goodKey + `" }
		  key "255" { hex = "` + strings.Repeat("fF", 64) + `" }`,
			vrrp.HMAC{Mode: vrrp.HMACReceiveOnly, Window: 300 * time.Second, ActiveKey: 255,
				Keys: []vrrp.HMACKey{key, {ID: 255, Secret: vrrp.Secret(strings.Repeat("\xff", 64))}}}},
		{`active_key = 1
		  mode = "permissive"
		  anti_replay = "monotonic"
		  key "1" { secret = "` + goodKey + `" }`,
			vrrp.HMAC{Mode: vrrp.HMACPermissive, AntiReplay: vrrp.ReplayMonotonic, Window: 9 * time.Second, ActiveKey: 1, Keys: []vrrp.HMACKey{key}}},
	} {
		got := mustLoad(t, nil, hmacFile(t, c.content)).Routers[0].HMAC
		if diff := cmp.Diff(&c.want, got, cmp.Transformer("bytes", func(s vrrp.Secret) []byte { return s })); diff != "" {
			t.Errorf("%s\n(-want +got):\n%s", c.content, diff)
		}
	}
}

func TestKeyFileIsThatOfKeepalived(t *testing.T) {
	for _, c := range []struct {
		name, content, want, problem string
		mode                         os.FileMode
	}{
		{"plain", goodKey, goodKey, "", 0o600},
		{"newline", goodKey + "\n", goodKey, "", 0o400},
		{"newline of DOS", goodKey + "\r\n", goodKey, "", 0o600},
		{"blank at the end", goodKey + " \n", goodKey + " ", "", 0o600},
		{"hexadecimal", "hex:" + strings.Repeat("61", 32) + "\n", strings.Repeat("a", 32), "", 0o600},
		{"no hexadecimal", "hex:" + goodKey + "x", "", "hexadecimal digits after hex:", 0o600},
		{"group may read", goodKey, goodKey, "warning: key file", 0o640},
		{"others may read", goodKey, goodKey, "warning: key file", 0o604},
		{"short", goodKey[1:] + "\n", "", "the key has 31 bytes, want 32 to 64", 0o600},
		{"empty", "\n", "", "the key has 0 bytes", 0o600},
		{"long", strings.Repeat("x", 5000), "", "it is too long", 0o600},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key")
			if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			config, diags := Load([]string{hmacFile(t, fmt.Sprintf("active_key = 1\nkey \"1\" { file = %q }", path))}, nil)
			var text strings.Builder
			_ = Write(&text, diags)
			if (c.problem == "") != (len(diags) == 0) || !strings.Contains(text.String(), c.problem) {
				t.Errorf("diagnostics %q, want %q", text.String(), c.problem)
			}
			if strings.Contains(text.String(), goodKey[1:]) {
				t.Errorf("the diagnostics show the key: %s", text.String())
			}
			if (config == nil) != (c.want == "") {
				t.Fatalf("config %v, want a key %q", config, c.want)
			}
			if config != nil && string(config.Routers[0].HMAC.Keys[0].Secret) != c.want {
				t.Errorf("key %q, want %q", []byte(config.Routers[0].HMAC.Keys[0].Secret), c.want)
			}
		})
	}
}
