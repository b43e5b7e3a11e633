package conf

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// A translation is a row of contrib/keepalived.md.
type translation struct {
	section, theirs, ours, remark string
}

// keepalivedRows are the rows of all tables of the page.
func keepalivedRows(t *testing.T) []translation {
	t.Helper()
	page, err := os.ReadFile("../contrib/keepalived.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []translation
	section := ""
	for line := range strings.SplitSeq(string(page), "\n") {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section = title
		}
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		if len(cells) == 2 {
			cells = append(cells, "")
		}
		if len(cells) != 3 {
			t.Fatalf("row %q has %d columns, want 3", line, len(cells))
		}
		rows = append(rows, translation{section, cells[0], cells[1], strings.Trim(cells[2], "| ")})
	}
	return rows
}

// unknown is what is wrong with a name of ours, such as `vrrp_instance.priority` or `vmac { }`; empty if conf accepts it.
func unknown(name string) string {
	block, keyword, isKeyword := strings.Cut(name, ".")
	if !isKeyword {
		block, isKeyword = strings.CutSuffix(name, " { }")
		if _, known := schemaOf(block); !known || !isKeyword {
			return "is no block"
		}
		return ""
	}
	schema, known := schemaOf(block)
	switch {
	case !known:
		return fmt.Sprintf("names a block %q that is not there", block)
	case schema[keyword] == "":
		return fmt.Sprintf("names a keyword that %s does not have", block)
	}
	return ""
}

// TestKeepalivedsWordsHaveTheirNamesHere: a name of ours in the table is one that conf accepts, and where there is none, the reason is given.
func TestKeepalivedsWordsHaveTheirNamesHere(t *testing.T) {
	code := regexp.MustCompile("`([^`]+)`")
	for _, row := range keepalivedRows(t) {
		names := code.FindAllStringSubmatch(row.ours, -1)
		switch {
		case row.ours == "not yet" && (row.section == "Notifications" || row.remark != ""):
		case row.ours == "no" && row.remark != "":
		case len(names) == 0:
			t.Errorf("%s: %q is neither a name nor no with a reason", row.theirs, row.ours)
		}
		for _, name := range names {
			if problem := unknown(name[1]); problem != "" {
				t.Errorf("%s: %s %s", row.theirs, name[0], problem)
			}
		}
		for _, name := range code.FindAllStringSubmatch(row.remark, -1) {
			if problem := unknown(name[1]); strings.Contains(name[1], "_instance.") && problem != "" {
				t.Errorf("%s: the remark's %s %s", row.theirs, name[0], problem)
			}
		}
	}
}

// TestWhatTheReferenceHasIsNotDenied: a word that the reference page calls keepalived's has a name here.
func TestWhatTheReferenceHasIsNotDenied(t *testing.T) {
	claimed, code := map[string]bool{}, regexp.MustCompile("`([^`]+)`")
	for _, m := range regexp.MustCompile("keepalived: ((?:`[a-z_0-9-]+`(?:, | and )?)+)").FindAllStringSubmatch(reference(t), -1) {
		for _, word := range code.FindAllStringSubmatch(m[1], -1) {
			claimed[word[1]] = true
		}
	}
	for _, row := range keepalivedRows(t) {
		for _, word := range code.FindAllStringSubmatch(row.theirs, -1) {
			if denied := row.ours == "no" || row.ours == "not yet"; denied && claimed[word[1]] {
				t.Errorf("section %s says %q of %s, which the reference page knows", row.section, row.ours, word[0])
			}
		}
	}
	if len(claimed) < 40 {
		t.Errorf("the reference page names %d words of keepalived's, which cannot be all", len(claimed))
	}
}

// TestKeepalivedsWordsAreAllThere: the number of words by section is known, and none is explained twice.
func TestKeepalivedsWordsAreAllThere(t *testing.T) {
	want := map[string]int{
		"Process": 75, "VRRP as a whole": 45, "Instances": 59, "Addresses": 14, "Routes and rules": 66, "Groups, delays, static objects": 20,
		"What is tracked": 37, "Virtual hardware address": 6, "Signed adverts": 5, "Notifications": 13,
		"Virtual servers": 57, "Checkers": 60,
	}
	got, seen := map[string]int{}, map[string]bool{}
	for _, row := range keepalivedRows(t) {
		for word := range strings.SplitSeq(row.theirs, ", ") {
			// What stands in parentheses behind the last word tells apart words that keepalived uses in several places.
			_, where, _ := strings.Cut(row.theirs, " (")
			key := row.section + "/" + word + "/" + where
			if !strings.HasPrefix(word, "`") || seen[key] {
				t.Errorf("section %s: %s is not a word, or is there twice", row.section, word)
			}
			seen[key] = true
			got[row.section]++
		}
	}
	for section, n := range want {
		if got[section] != n {
			t.Errorf("section %s has %d words, want %d", section, got[section], n)
		}
	}
	if len(got) != len(want) {
		t.Errorf("sections and their words are %v, want %v", got, want)
	}
}
