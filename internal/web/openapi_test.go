package web_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/internal/web"
)

const inputSchema = `{"type":"object","properties":{"course":{"type":"string"},"limit":{"type":["null","integer"]},"tag":{"type":"array","items":{"type":"string"}}},"required":["course","limit"],"additionalProperties":false}`

// described is a server with a route of each sort, and the document that it serves.
func described(t *testing.T) string {
	t.Helper()
	input := []byte(inputSchema)
	s := newServer(t, config(),
		web.Route{Method: "GET", Path: "/api/v1/courses/:course", Name: "courses.get", Summary: "A course.", Permission: "courses:read", Request: input, Response: input, Handle: whoami},
		web.Route{Method: "PUT", Path: "/api/v1/courses/:course", Name: "courses.put", Request: input, Limit: 1, Status: 201, Handle: whoami},
		web.Route{Method: "DELETE", Path: "/api/v1/courses/:course", Name: "courses.delete", Request: input, Limit: 1, Handle: whoami},
		web.Route{Method: "POST", Path: "/api/v1/uploads", Name: "uploads.create", Limit: 1 << 20, Handle: whoami},
		web.Route{Method: "GET", Path: "/x/*", Name: "x", Public: true, Handle: whoami},
	)
	if err := s.MountOpenAPI("/api/openapi.json", "Trellis", "1.2.3"); err != nil {
		t.Fatal(err)
	}
	res, raw := call(t, s, "GET", "/api/openapi.json", "")
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	return raw
}

func TestOpenAPI(t *testing.T) {
	type parameter struct {
		Ref, Name, In string
		Required      bool
	}
	type operation struct {
		OperationID string
		Parameters  []parameter
		Security    []any
		Responses   map[string]any
		RequestBody *struct {
			Required bool
			Content  map[string]struct {
				Schema struct {
					Properties map[string]any
					Required   []string
				}
			}
		}
	}
	var doc struct {
		OpenAPI string
		Info    struct{ Title, Version string }
		Paths   map[string]map[string]operation
	}
	raw := described(t)
	if err := json.Unmarshal([]byte(strings.ReplaceAll(raw, `"$ref"`, `"ref"`)), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" || doc.Info.Title != "Trellis" || doc.Info.Version != "1.2.3" {
		t.Errorf("it begins %s %+v", doc.OpenAPI, doc.Info)
	}
	for path, methods := range map[string][]string{
		"/api/openapi.json": {"get"}, "/x/{path}": {"get"}, "/healthz": {"get"}, "/api/v1/uploads": {"post"}, "/api/v1/courses/{course}": {"get", "put", "delete"},
	} {
		for _, m := range methods {
			o, ok := doc.Paths[path][m]
			if !ok || o.OperationID == "" || o.Responses["default"] == nil || strings.HasPrefix(path, "/api/v1") != (o.Security != nil) {
				t.Errorf("%s %s: %+v", m, path, o)
			}
		}
	}
	course := doc.Paths["/api/v1/courses/{course}"]
	names := func(o operation) (all []string) {
		for _, p := range o.Parameters {
			if p.Ref != "" {
				all = append(all, p.Ref[strings.LastIndexByte(p.Ref, '/')+1:])
			} else if all = append(all, p.In+" "+p.Name); p.Required {
				all[len(all)-1] += "!"
			}
		}
		return all
	}
	for method, want := range map[string][]string{
		"get":    {"Tenant", "path course!", "query limit!", "query tag"},
		"delete": {"Tenant", "Idempotency", "path course!", "query limit!", "query tag"},
		"put":    {"Tenant", "Idempotency", "path course!"},
	} {
		if got := names(course[method]); !slices.Equal(got, want) {
			t.Errorf("%s is asked with %q, want %q", method, got, want)
		}
	}
	body := course["put"].RequestBody
	if body == nil || course["put"].Responses["201"] == nil || course["delete"].RequestBody != nil {
		t.Fatalf("PUT takes %+v", body)
	}
	schema := body.Content["application/json"].Schema
	if !body.Required || schema.Properties["course"] != nil || schema.Properties["tag"] == nil || !slices.Equal(schema.Required, []string{"limit"}) {
		t.Errorf("PUT takes %+v", schema)
	}
	if up := doc.Paths["/api/v1/uploads"]["post"].RequestBody; up == nil || !up.Required || len(up.Content) != 1 {
		t.Errorf("an upload takes %+v", up)
	}
	if again := described(t); again != raw {
		t.Error("the same routes have two documents")
	}
}
