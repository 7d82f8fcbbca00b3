package bundle_test

import (
	"bytes"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/extensions/bundle"
)

var update = flag.Bool("update", false, "rewrite what is generated")

// TestSchemaFresh: the published schema is the one that the manifest has.
func TestSchemaFresh(t *testing.T) {
	const path = "schemas/extension-1.json"
	want, err := bundle.Schema()
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
		t.Errorf("%s is not what the manifest has: go test ./extensions/bundle -run Fresh -update", path)
	}
}

// TestLimitsAreDocumented: the contract says what each limit of a manifest is for,
// where the guest libraries lead to.
func TestLimitsAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../hostapi/ABI.md")
	must(t, err)
	readme, err := os.ReadFile("../../hostapi/guest/README.md")
	must(t, err)
	if !bytes.Contains(doc, []byte("\n## Limits of a call\n")) || !bytes.Contains(readme, []byte("(../ABI.md#limits-of-a-call)")) {
		t.Error("the guest libraries do not lead to the limits of a call")
	}
	limits := reflect.TypeFor[bundle.Limits]()
	for i := range limits.NumField() {
		name, _, _ := strings.Cut(limits.Field(i).Tag.Get("json"), ",")
		if !bytes.Contains(doc, []byte("`limits."+name+"`")) {
			t.Errorf("limits.%s is not explained", name)
		}
	}
}
