package main

import (
	"os"
	"path/filepath"
	"testing"
)

// writeConfig puts one file of configuration into a folder of its own and returns the folder.
func writeConfig(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "govrrpd.hcl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestExitStatusTellsWrongUsageFromFailure(t *testing.T) {
	good := writeConfig(t, "vrrp_instance \"web\" {\n  interface = \"eth0\"\n  virtual_router_id = 51\n  virtual_addresses = [\"192.0.2.10/24\"]\n}\n")
	bad := writeConfig(t, "vrrp_instance \"web\" {\n  interfaze = \"eth0\"\n}\n")
	variables := writeConfig(t, "variable \"a\" {}\nvariable \"b\" {}\nvariable \"c\" {}\n"+
		"vrrp_instance \"web\" {\n  interface = var.a\n  virtual_router_id = 51\n  virtual_addresses = [\"192.0.2.10/24\"]\n}\n")
	tests := []struct {
		name string
		args []string
		want int
	}{
		{"help", []string{"help"}, 0},
		{"version", []string{"version"}, 0},
		{"version as a flag", []string{"--version"}, 0},
		{"valid configuration", []string{"check", "-c", good}, 0},
		{"variables with one dash and two", []string{"check", "-c", variables, "-var", "a=eth0", "-var=b=eth1", "--var", "c=eth2"}, 0},
		{"invalid configuration", []string{"check", "-c", bad}, exitFailed},
		{"missing configuration", []string{"check", "-c", filepath.Join(good, "absent.hcl")}, exitFailed},
		{"unknown command", []string{"fly"}, exitUsage},
		{"unknown flag", []string{"check", "--fly"}, exitUsage},
		{"surplus argument", []string{"check", "x"}, exitUsage},
		{"variable without value", []string{"check", "-c", good, "--var", "vip"}, exitUsage},
		{"unknown part", []string{"status", "vrpp"}, exitUsage},
		{"two parts", []string{"status", "vrrp", "ipvs"}, exitUsage},
		{"unknown output", []string{"status", "-o", "xml"}, exitUsage},
		{"unknown part of ipvs", []string{"ipvs", "table"}, exitUsage},
		{"no daemon", []string{"status", "--socket", filepath.Join(good, "control.sock")}, exitFailed},
		{"no daemon to reload", []string{"reload", "--socket", filepath.Join(good, "control.sock")}, exitFailed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := execute(t.Context(), tt.args); got != tt.want {
				t.Errorf("govrrpd %v: exit status %d, want %d", tt.args, got, tt.want)
			}
		})
	}
}

func TestVariablesComeFromEnvironmentAndCommandLine(t *testing.T) {
	t.Setenv("GOVRRPD_VAR_vip", "192.0.2.10")
	t.Setenv("GOVRRPD_VAR_net", "a=b")
	s := configSource{vars: []string{"vip=192.0.2.11"}}
	got, err := s.variables()
	if err != nil {
		t.Fatal(err)
	}
	if got["vip"] != "192.0.2.11" || got["net"] != "a=b" {
		t.Errorf("variables = %v, want the command line to win and values to keep their =", got)
	}
}
