package pagestest

import (
	"testing"

	"github.com/trellis-learning/trellis/internal/testkit"
)

// Late is a bundle of a filter with settings.
func Late(t *testing.T, version string, change map[string]any, exports ...map[string]func(*testkit.Code)) File {
	t.Helper()
	m := map[string]any{
		"id": "acme.late", "version": version, "abi": 1, "title": "Late policy", "description": "Says no to who comes late.", "permissions": []string{"kv", "users:read"},
		"settings": map[string]any{"type": "object", "properties": map[string]any{"grace_days": map[string]any{"type": "integer", "title": "Grace days", "default": 2, "minimum": 0, "maximum": 30}}},
		"filters":  []any{map[string]any{"on": Enrolling, "call": "check"}},
	}
	for k, v := range change {
		m[k] = v
	}
	code := map[string]func(*testkit.Code){"check": func(c *testkit.Code) { c.Answer("{}") }, "hear": func(c *testkit.Code) { c.Answer("{}") }}
	for _, e := range exports {
		for name, do := range e {
			code[name] = do
		}
	}
	return File{"late-" + version + ".trellis", testkit.Bundle(t, m, testkit.Guest(code))}
}

// The names of what extensions of tests take part in.
const (
	Enrolling = "org.openedx.learning.course.enrollment.started.v1"
	Enrolled  = "org.openedx.learning.course.enrollment.created.v1"
)
