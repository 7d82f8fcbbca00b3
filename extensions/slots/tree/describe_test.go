package tree_test

import (
	"slices"
	"testing"

	"github.com/trellis-learning/trellis/extensions/slots/tree"
)

// TestObjects: what is said for people names every kind and every type of field,
// and of each key what it is and means.
func TestObjects(t *testing.T) {
	seen := map[string]tree.Object{}
	for _, o := range tree.Objects() {
		if _, twice := seen[o.Name]; twice || len(o.Keys) == 0 {
			t.Errorf("%s: twice, or without keys", o.Name)
		}
		seen[o.Name] = o
		for _, k := range o.Keys {
			if k.Type == "" || k.Doc == "" {
				t.Errorf("%s.%s is not explained: %+v", o.Name, k.Name, k)
			}
		}
	}
	for _, k := range tree.Kinds() {
		if _, ok := seen[string(k)]; !ok {
			t.Errorf("%s is missing", k)
		}
	}
	for name, want := range map[string]tree.Key{
		"table":                  {Name: "rows", Type: "array of array of cell", Need: true},
		"heading":                {Name: "level", Type: "integer"},
		"form":                   {Name: "fields", Type: "array of field", Need: true},
		"field: checkbox":        {Name: "default", Type: "boolean"},
		"field: number, integer": {Name: "max", Type: "number"},
		"field: select, radio":   {Name: "options", Type: "array of string or option", Need: true},
	} {
		if !slices.ContainsFunc(seen[name].Keys, func(k tree.Key) bool { k.Doc = ""; return k == want }) {
			t.Errorf("%s has %+v, want %+v", name, seen[name].Keys, want)
		}
	}
}
