package hostapi_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/hostapi"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestDocument(t *testing.T) {
	ops := newAPI(t, &notebook{}, hostapi.Quotas{}).Operations()
	doc, err := hostapi.Document(around(ops))
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

// around returns a small contract around operations.
func around(ops []hostapi.Operation) hostapi.Contract {
	type question struct {
		ID   string `json:"id" doc:"ID of this asking."`
		Data string `json:"data,omitempty" doc:"What would happen."`
	}
	return hostapi.Contract{
		Operations: ops,
		Hooks: []hostapi.Hook{{Name: "filter", Doc: "Asked before.", In: reflect.TypeFor[question](), Out: reflect.TypeFor[struct {
			Stop bool `json:"stop,omitempty" doc:"Whether to stop."`
		}]()}, {Name: "slot", Doc: "Asked what is shown.", In: reflect.TypeFor[question]()}},
		Places: []hostapi.Place{{Name: "course.side.v1", Doc: "beside the course", Level: "course"}},
		Shapes: []hostapi.Shape{{Name: "card", Keys: []hostapi.Key{{Name: "title", Type: "string", Doc: "Its heading."}, {Name: "children", Type: "array of node", Need: true, Doc: "What is in it."}}}},
		Limits: []string{"2 nodes"},
	}
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
	doc, err := hostapi.Document(around(ops))
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

// TestDocumentSaysWhatIsShown: hooks, places and the tree are in it.
func TestDocumentSaysWhatIsShown(t *testing.T) {
	doc, err := hostapi.Document(around(nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"### filter\n", "| `data`? | string | What would happen. |", "| `stop`? | boolean |", "### slot\n",
		"| `course.side.v1` | course | beside the course |", "A tree has at most 2 nodes.", "| card | type | |", "| `children` | array of node | What is in it. |", "extensions/slots/tree/schema.json"} {
		if !strings.Contains(string(doc), want) {
			t.Errorf("%q is not in it", want)
		}
	}
}
