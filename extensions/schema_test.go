package extensions_test

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/trellis-learning/trellis/extensions"
)

var update = flag.Bool("update", false, "rewrite what is generated")

// TestSchemaFresh: the published schema is the one that the manifest has.
func TestSchemaFresh(t *testing.T) {
	const path = "schemas/extension-1.json"
	want, err := extensions.Schema()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.MkdirAll("schemas", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the manifest has: go test ./extensions -run Fresh -update", path)
	}
}
