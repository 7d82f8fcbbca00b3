package web

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/trellis-learning/trellis"
)

// OpenAPI returns the OpenAPI document (3.1.0) of the routes that are no pages, in a
// stable order.
func (s *Server) OpenAPI(title, version string) ([]byte, error) {
	paths := map[string]map[string]any{}
	for _, r := range s.Routes() {
		if r.Page {
			continue // it is for people
		}
		path, params := openPath(r.Path)
		if paths[path] == nil {
			paths[path] = map[string]any{}
		}
		paths[path][strings.ToLower(r.Method)] = r.openAPI(params)
	}
	doc, err := json.MarshalIndent(map[string]any{
		"openapi": "3.1.0",
		"info":    map[string]any{"title": title, "version": version},
		"servers": []any{
			map[string]any{"url": "/", "description": "The tenant of the host name or of the token."},
			map[string]any{"url": "/t/{tenant}", "description": "The tenant that is named.", "variables": map[string]any{"tenant": map[string]any{"default": "demo"}}},
		},
		"paths": paths,
		"components": map[string]any{
			"securitySchemes": map[string]any{"token": map[string]any{"type": "http", "scheme": "bearer"}},
			"parameters": map[string]any{
				"Tenant":      header("Trellis-Tenant", "The tenant that an operator acts in, or that one logs in to."),
				"Idempotency": header("Idempotency-Key", "A key of the caller's choice, with up to 255 characters. A request that is repeated with the same key and the same content makes nothing twice."),
			},
			"schemas": map[string]any{"Problem": map[string]any{"type": "object", "description": "An error (RFC 9457).",
				"required": []string{"type", "title", "status", "kind"},
				"properties": map[string]any{
					"type": str(), "title": str(), "status": map[string]any{"type": "integer"}, "detail": str(), "instance": str(),
					"kind":      map[string]any{"type": "string", "enum": trellis.Kinds()},
					"extension": str(), "filter": str(), "code": str(), "effect": map[string]any{"type": "object"},
				}}},
		},
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the OpenAPI document: %w", err)
	}
	return doc, nil
}

// MountOpenAPI serves the OpenAPI document of what is mounted by then, itself
// included.
func (s *Server) MountOpenAPI(at, title, version string) error {
	var doc []byte
	if err := s.Mount(Route{Method: "GET", Path: at, Name: "openapi", Summary: "This document.", Public: true, Handle: func(c *fiber.Ctx) error {
		return Raw(c, fiber.StatusOK, doc)
	}}); err != nil {
		return err
	}
	var err error
	doc, err = s.OpenAPI(title, version)
	return err
}

func str() map[string]any { return map[string]any{"type": "string"} }

func header(name, doc string) map[string]any {
	return map[string]any{"name": name, "in": "header", "description": doc, "schema": str()}
}

func ref(to string) map[string]any { return map[string]any{"$ref": "#/components/" + to} }

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
			"content": map[string]any{"application/problem+json": map[string]any{"schema": ref("schemas/Problem")}}}},
	}
	if !r.Public {
		op["security"] = []any{map[string]any{"token": []string{}}}
	}
	if r.Permission != "" {
		op["description"] = "Takes the permission " + r.Permission + "."
	}
	list, body := r.takes(params)
	if list != nil {
		op["parameters"] = list
	}
	if body != nil {
		op["requestBody"] = body
	}
	return op
}

// takes describes what a route is asked with. What its schema has stands in the
// path, then in the query of a GET or DELETE and in the body of others.
func (r Route) takes(params []string) (list []any, body map[string]any) {
	if !r.bare {
		list = append(list, ref("parameters/Tenant"))
	}
	if r.Method != "GET" && !r.Public {
		list = append(list, ref("parameters/Idempotency"))
	}
	for _, p := range params {
		list = append(list, map[string]any{"name": p, "in": "path", "required": true, "schema": str()})
	}
	if r.Request == nil {
		if r.Limit > 0 {
			body = map[string]any{"required": true, "description": "Up to " + strconv.FormatInt(r.Limit, 10) + " bytes.",
				"content": map[string]any{"application/octet-stream": map[string]any{}}}
		}
		return list, body
	}
	if r.Limit > 0 && r.Method != "GET" && r.Method != "DELETE" {
		schema, required := without(r.Request, params)
		return list, map[string]any{"required": required, "content": map[string]any{"application/json": map[string]any{"schema": schema}}}
	}
	var schema struct {
		Properties map[string]json.RawMessage `json:"properties"`
		Required   []string                   `json:"required"`
	}
	_ = json.Unmarshal(r.Request, &schema) // Mount has seen that it is an object
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		if !slices.Contains(params, name) {
			list = append(list, map[string]any{"name": name, "in": "query", "required": slices.Contains(schema.Required, name), "schema": schema.Properties[name]})
		}
	}
	return list, nil
}

// without returns a schema less the properties that stand in the path, and
// whether any of the others has to be there.
func without(schema []byte, params []string) (map[string]any, bool) {
	var s map[string]any
	_ = json.Unmarshal(schema, &s) // Mount has seen that it is an object
	if props, ok := s["properties"].(map[string]any); ok {
		for _, p := range params {
			delete(props, p)
		}
	}
	required, _ := s["required"].([]any)
	required = slices.DeleteFunc(required, func(v any) bool { name, _ := v.(string); return slices.Contains(params, name) })
	if len(required) == 0 {
		delete(s, "required")
		return s, false
	}
	s["required"] = required
	return s, true
}
