package app_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/testkit"
)

var update = flag.Bool("update", false, "rewrite what is generated")

// TestContractFresh: the committed contract is the one that the operations give,
// and it has only grown.
func TestContractFresh(t *testing.T) {
	doc, schemas, err := app.Contract(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(testkit.Root(t), "hostapi")
	old, err := os.ReadFile(filepath.Join(dir, "schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := hostapi.Compatible(old, schemas); err != nil { // with -update, too
		t.Fatalf("extensions that were built before would break: %v", err)
	}
	for name, want := range map[string][]byte{"ABI.md": doc, "schema.json": schemas} {
		path := filepath.Join(dir, name)
		if *update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s is not what the operations give: run `just abi`", name)
		}
	}
}
