package app_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// manifestSection returns what the contract says of manifests.
func manifestSection(t *testing.T) string {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join(testkit.Root(t), "hostapi", "ABI.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(doc), "\n## The manifest\n")
	if !ok {
		t.Fatal("the contract has no section of manifests")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	return section
}

// TestManifestExamples: the manifests in the contract pass, and there is one for
// each kind of hook and each operation on a place.
func TestManifestExamples(t *testing.T) {
	var seen []string
	for _, block := range regexp.MustCompile("(?s)```json\n(.*?)\n```").FindAllStringSubmatch(manifestSection(t), -1) {
		m, err := bundle.ReadManifest([]byte(block[1]))
		if err != nil {
			t.Errorf("%v of\n%s", err, block[1])
			continue
		}
		if err := m.CheckAgainst([]string{"*"}, app.Known()); err != nil {
			t.Errorf("%s: %v", m.ID, err)
		}
		for kind, n := range map[string]int{"filters": len(m.Filters), "events": len(m.Events), "schedules": len(m.Schedules), "jobs": len(m.Jobs), "settings": len(m.Settings), "secrets": len(m.Secrets)} {
			if n > 0 {
				seen = append(seen, kind)
			}
		}
		for _, s := range m.Slots {
			seen = append(seen, s.Op)
		}
	}
	for _, kind := range []string{"filters", "events", "schedules", "jobs", "settings", "secrets", bundle.SlotInsert, bundle.SlotHide, bundle.SlotModify, bundle.SlotReplace, bundle.SlotWrap} {
		if !slices.Contains(seen, kind) {
			t.Errorf("there is no example of %s", kind)
		}
	}
}

// TestManifestKeys: the contract has a row for every key that the schema has, in
// whatever depth.
func TestManifestKeys(t *testing.T) {
	raw, err := bundle.Schema()
	if err != nil {
		t.Fatal(err)
	}
	type schema struct {
		Properties map[string]json.RawMessage
		Items      json.RawMessage
	}
	section, rows := manifestSection(t), 0
	var walk func(raw []byte, prefix string)
	walk = func(raw []byte, prefix string) {
		var s schema
		if json.Unmarshal(raw, &s) != nil { // true: anything
			return
		}
		for name, p := range s.Properties {
			if rows++; !strings.Contains(section, "\n| `"+prefix+name+"`") {
				t.Errorf("%s%s has no row", prefix, name)
			}
			walk(p, prefix+name+".")
		}
		if s.Items != nil {
			walk(s.Items, strings.TrimSuffix(prefix, ".")+"[].")
		}
	}
	walk(raw, "")
	if rows < 40 {
		t.Errorf("the schema has %d keys: is it read as it should be?", rows)
	}
}

// TestManifestLinks: whoever begins finds the section.
func TestManifestLinks(t *testing.T) {
	for _, file := range []string{"README.md", "hostapi/guest/README.md", "extensions/project/templates/card/README.md.tmpl", "extensions/project/templates/filter/README.md.tmpl"} {
		text, err := os.ReadFile(filepath.Join(testkit.Root(t), filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "ABI.md#the-manifest") {
			t.Errorf("%s does not lead to what is said of manifests", file)
		}
	}
}

// TestManifestSchemaServed: an editor can be given the address of the schema, and
// needs no account.
func TestManifestSchemaServed(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	want, err := bundle.Schema()
	if err != nil {
		t.Fatal(err)
	}
	status, got := p.Do(t, "", "GET", "/api/schemas/extension-1.json", "")
	if status != 200 || got != string(want) {
		t.Errorf("%d: %.200s", status, got)
	}
}
