package hostapi_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/hostapi"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestDocument(t *testing.T) {
	ops := newAPI(t, &notebook{}, hostapi.Quotas{}).Operations()
	doc, err := hostapi.Document(ops)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "abi.md", doc)
	schemas, err := hostapi.Schemas(ops)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "schema.json", schemas)
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what is generated; -update rewrites it. It would be:\n%s", path, got)
	}
}

func TestDocumentSaysEveryPermissionAndOperation(t *testing.T) {
	ops := newAPI(t, &notebook{}, hostapi.Quotas{}).Operations()
	doc, err := hostapi.Document(ops)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range hostapi.Permissions() {
		if got := strings.Contains(string(doc), "| `"+p.Name); got != p.Grantable {
			t.Errorf("permission %s is in it: %v, want %v", p.Name, got, p.Grantable)
		}
	}
	for _, o := range ops {
		if got := strings.Contains(string(doc), "### "+o.Spec().Name+"\n"); got != (o.Spec().Doors.Guest || o.Spec().Doors.Frame) {
			t.Errorf("operation %s is in it: %v", o.Spec().Name, got)
		}
	}
}
