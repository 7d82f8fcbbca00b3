package tree_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/trellis-learning/trellis/extensions/slots/tree"
)

var update = flag.Bool("update", false, "rewrite schema.json and the golden files")

func TestSchemaFresh(t *testing.T) {
	want, err := tree.Document()
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile("schema.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(tree.Schema(), want) {
		t.Error("schema.json is not what the tables say: go test ./extensions/slots/tree -run TestSchemaFresh -update")
	}
}

// resolved is the schema, ready to check with.
func resolved(t testing.TB) *jsonschema.Resolved {
	t.Helper()
	var s jsonschema.Schema
	if err := json.Unmarshal(tree.Schema(), &s); err != nil {
		t.Fatal(err)
	}
	r, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// valid reports whether a document fits the schema.
func valid(t testing.TB, s *jsonschema.Resolved, raw []byte) error {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return s.Validate(v)
}
