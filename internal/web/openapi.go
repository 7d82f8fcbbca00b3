package web

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// OpenAPI returns the OpenAPI document (3.1) of the routes.
func (s *Server) OpenAPI(title, version string) ([]byte, error) {
	paths := map[string]map[string]any{}
	for _, r := range s.Routes() {
		path, params := openPath(r.Path)
		if paths[path] == nil {
			paths[path] = map[string]any{}
		}
		paths[path][strings.ToLower(r.Method)] = r.openAPI(params)
	}
	return json.MarshalIndent(map[string]any{
		"openapi": "3.1.0",
		"info":    map[string]any{"title": title, "version": version},
		"paths":   paths,
		"components": map[string]any{
			"securitySchemes": map[string]any{"token": map[string]any{"type": "http", "scheme": "bearer"}},
			"schemas": map[string]any{"Problem": map[string]any{"type": "object", "description": "An error (RFC 9457).", "properties": map[string]any{
				"type": str(), "title": str(), "status": map[string]any{"type": "integer"}, "detail": str(), "instance": str(), "kind": str(),
				"extension": str(), "filter": str(), "code": str(), "effect": map[string]any{"type": "object"},
			}}},
		},
	}, "", "  ")
}

func str() map[string]any { return map[string]any{"type": "string"} }

// openPath turns "/a/:b" into "/a/{b}".
func openPath(path string) (string, []string) {
	var params []string
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if name, ok := strings.CutPrefix(p, ":"); ok {
			params = append(params, name)
			parts[i] = "{" + name + "}"
		} else if p == "*" {
			params = append(params, "path")
			parts[i] = "{path}"
		}
	}
	return strings.Join(parts, "/"), params
}

func (r Route) openAPI(params []string) map[string]any {
	status := r.Status
	if status == 0 {
		status = 200
	}
	success := map[string]any{"description": "It was done."}
	if r.Response != nil {
		success["content"] = map[string]any{"application/json": map[string]any{"schema": json.RawMessage(r.Response)}}
	}
	op := map[string]any{
		"operationId": r.Name, "summary": r.Summary,
		"responses": map[string]any{strconv.Itoa(status): success, "default": map[string]any{"description": "It was not done.",
			"content": map[string]any{"application/problem+json": map[string]any{"schema": map[string]any{"$ref": "#/components/schemas/Problem"}}}}},
	}
	if !r.Public {
		op["security"] = []any{map[string]any{"token": []string{}}}
	}
	if r.Permission != "" {
		op["description"] = "Takes the permission " + r.Permission + "."
	}
	var list []any
	for _, p := range params {
		list = append(list, map[string]any{"name": p, "in": "path", "required": true, "schema": str()})
	}
	schema := struct {
		Properties map[string]json.RawMessage `json:"properties"`
		Required   []string                   `json:"required"`
	}{}
	if r.Request != nil && json.Unmarshal(r.Request, &schema) == nil {
		if r.Limit == 0 || r.Method == "GET" || r.Method == "DELETE" {
			names := make([]string, 0, len(schema.Properties))
			for name := range schema.Properties {
				if !slices.Contains(params, name) {
					names = append(names, name)
				}
			}
			slices.Sort(names)
			for _, name := range names {
				list = append(list, map[string]any{"name": name, "in": "query", "required": slices.Contains(schema.Required, name), "schema": schema.Properties[name]})
			}
		} else {
			op["requestBody"] = map[string]any{"content": map[string]any{"application/json": map[string]any{"schema": without(r.Request, params)}}}
		}
	}
	if list != nil {
		op["parameters"] = list
	}
	return op
}

// without returns a schema less the properties that stand in the path.
func without(schema []byte, params []string) any {
	var s map[string]any
	if json.Unmarshal(schema, &s) != nil {
		return json.RawMessage(schema)
	}
	if props, ok := s["properties"].(map[string]any); ok {
		for _, p := range params {
			delete(props, p)
		}
	}
	if required, ok := s["required"].([]any); ok {
		s["required"] = slices.DeleteFunc(required, func(v any) bool { name, _ := v.(string); return slices.Contains(params, name) })
		if len(s["required"].([]any)) == 0 {
			delete(s, "required")
		}
	}
	return s
}
