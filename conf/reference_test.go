package conf

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func reference(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../contrib/reference.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// section is the part of the page under the heading of a block.
func section(page, block string) string {
	_, rest, found := strings.Cut(page, "# "+block+"\n")
	if !found {
		return ""
	}
	if end := regexp.MustCompile(`(?m)^#+ `).FindStringIndex(rest); end != nil {
		return rest[:end[0]]
	}
	return rest
}

// likeBlock is the block in whose section the keywords of a static object stand.
func likeBlock(block string) string {
	return map[string]string{"static_address": "virtual_address", "static_route": "route", "static_rule": "rule"}[block]
}

// TestReferenceHasEveryKeyword: a keyword is explained in a row of a table, and shown in an example, in the section of its block.
func TestReferenceHasEveryKeyword(t *testing.T) {
	page := reference(t)
	for _, block := range blockNames() {
		schema, _ := schemaOf(block)
		text := section(page, block)
		if text != "" {
			text += section(page, likeBlock(block))
		}
		if block != "" && text == "" {
			t.Errorf("the page has no section %q", block)
		}
		for keyword, kind := range schema {
			switch {
			case kind == "block" && block == "track": // they are alike, and explained there
				if !strings.Contains(text, "| `"+keyword+" \"") {
					t.Errorf("section %q has no row for the block %q", block, keyword)
				}
			case kind == "block" && section(page, keyword) == "":
				t.Errorf("the page has no section %q", keyword)
			case kind == "attribute" && !regexp.MustCompile("(?m)^\\| `"+keyword+"`").MatchString(text):
				t.Errorf("section %q has no row for %q", block, keyword)
			case kind == "attribute" && !regexp.MustCompile(`\b`+keyword+`\s+=`).MatchString(text) && keyword != "ca_file":
				t.Errorf("section %q has no example of %q", block, keyword)
			}
		}
	}
}

// TestEveryBlockIsKnown: a block that rawBlocks forgets has neither hints nor a test of its section of the page.
func TestEveryBlockIsKnown(t *testing.T) {
	for _, block := range blockNames() {
		schema, _ := schemaOf(block)
		for keyword, kind := range schema {
			if _, known := rawBlocks()[keyword]; kind == "block" && !known && block != "track" {
				t.Errorf("rawBlocks does not know %s, a block in %q", keyword, block)
			}
		}
	}
}

func TestReferenceHasNoKeywordThatIsNotThere(t *testing.T) {
	page := reference(t)
	for _, block := range blockNames() {
		schema, _ := schemaOf(block)
		for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` ?\\*? \\| (?:text|number|flag|duration|list|address|any)").FindAllStringSubmatch(section(page, block), -1) {
			if schema[m[1]] != "attribute" {
				t.Errorf("section %q explains %q, which the block does not know", block, m[1])
			}
		}
	}
}

func TestReferenceHasEveryFunction(t *testing.T) {
	list := section(reference(t), "Functions")
	for name := range functions() {
		if !regexp.MustCompile("`" + name + "[`(]").MatchString(list) {
			t.Errorf("the section Functions does not name %s", name)
		}
	}
	for _, m := range regexp.MustCompile("`([a-z]+)[`(]").FindAllStringSubmatch(list, -1) {
		if _, ok := functions()[m[1]]; !ok {
			t.Errorf("the section Functions names %s, which is not there", m[1])
		}
	}
}

// installed puts a command that every host has in place of one that not all have, because commands that are not there are mistakes.
func installed(example string) string {
	return strings.ReplaceAll(example, "/usr/bin/pgrep", "/usr/bin/env")
}

// TestEveryExampleLoads keeps the page and the examples true.
func TestEveryExampleLoads(t *testing.T) {
	for i, m := range regexp.MustCompile("(?s)```hcl\n(.*?)```").FindAllStringSubmatch(reference(t), -1) {
		t.Run(fmt.Sprintf("reference %d", i+1), func(t *testing.T) { mustLoad(t, nil, file(t, installed(m[1]))) })
	}
	files, err := filepath.Glob("../contrib/examples/*.hcl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples (%v)", err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) { mustLoad(t, nil, path) })
	}
}
