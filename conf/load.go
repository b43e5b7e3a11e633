package conf

import "github.com/hashicorp/hcl/v2"

func load(paths []string, vars map[string]string) (*Config, hcl.Diagnostics) {
	return nil, hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "conf: being written"}}
}
