package api_test

import (
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// TestOpenAPI: the document of all that is served is one that others can read.
func TestOpenAPI(t *testing.T) {
	p := testkit.Start(t, app.Config{Version: "test"})
	status, raw := p.Do(t, "", "GET", "/api/openapi.json", "")
	if status != 200 {
		t.Fatalf("%d %s", status, raw)
	}
	doc, err := openapi3.NewLoader().LoadFromData([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
	for _, r := range p.Web.Routes() {
		parts := strings.Split(r.Path, "/")
		for i, part := range parts {
			if name, ok := strings.CutPrefix(part, ":"); ok {
				parts[i] = "{" + name + "}"
			}
		}
		path := doc.Paths.Value(strings.Join(parts, "/"))
		if r.Page { // for people
			if path != nil && path.GetOperation(r.Method) != nil {
				t.Errorf("%s %s is a page, and described", r.Method, r.Path)
			}
			continue
		}
		if path == nil || path.GetOperation(r.Method) == nil {
			t.Errorf("%s %s is not described", r.Method, r.Path)
			continue
		}
		if op := path.GetOperation(r.Method); op.Summary == "" || op.OperationID != r.Name {
			t.Errorf("%s %s is described as %q: %q", r.Method, r.Path, op.OperationID, op.Summary)
		}
	}
}
