package conf

import (
	"regexp"
	"strings"
	"testing"
)

// TestCheckAnswersKeepalivedsWords: whoever writes a word of keepalived's that the page has ours for is told that one by `govrrpd check`.
func TestCheckAnswersKeepalivedsWords(t *testing.T) {
	blocks := map[string]string{"Instances": "vrrp_instance", "VRRP as a whole": "global"}
	word := regexp.MustCompile("`([a-z0-9_]+)`")
	for _, row := range keepalivedRows(t) {
		block, wanted := blocks[row.section]
		if !wanted || row.ours == "no" || row.ours == "not yet" {
			continue
		}
		schema, _ := schemaOf(block)
		for _, m := range word.FindAllStringSubmatch(row.theirs, -1) {
			if schema[m[1]] == "" && translate(m[1], block) == "" {
				t.Errorf("%s in %s: check does not say what it is here, %s", m[1], block, strings.Trim(row.ours, "`"))
			}
		}
	}
}
