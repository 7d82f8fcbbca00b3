package app_test

import (
	"context"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// TestIsolation: an extension of one tenant is never called for another, and one
// of a course sees nothing of another course.
func TestIsolation(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	a, b := p.Tenant(t, "a"), p.Tenant(t, "b")
	here, there := "course-v1:A+Here+1", "course-v1:A+There+1"
	for _, ctx := range []context.Context{a, b} {
		p.Course(t, ctx, here)
		p.Course(t, ctx, there)
	}
	p.Install(t, a, policy(t, "acme.policy"), here, map[string]any{"closed_courses": []string{"*"}})
	p.Install(t, a, welcome(t, "trellis-demo.welcome-c"), here, nil)
	for _, tt := range []struct {
		ctx    context.Context
		course string
		want   trellis.Kind
	}{{a, here, trellis.Refused}, {a, there, ""}, {b, here, ""}, {b, there, ""}} {
		id, _ := p.Person(t, tt.ctx, "p"+strings.ToLower(trellis.NewTraceID()))
		_, err := p.Learning.Enroll(tt.ctx, learning.Enroll{Person: id, Course: tt.course})
		if got := trellis.KindOf(err); got != tt.want {
			t.Errorf("%s in %s: %q, want %q", tt.course, trellis.ActorFrom(tt.ctx).Tenant, got, tt.want)
		}
	}
	if _, err := p.Registry.Disable(a, "acme.policy", here); err != nil {
		t.Fatal(err)
	}
	for _, course := range []string{here, there} {
		id, _ := p.Person(t, a, "q"+strings.ToLower(trellis.NewTraceID()))
		if _, err := p.Learning.Enroll(a, learning.Enroll{Person: id, Course: course}); err != nil {
			t.Fatal(err)
		}
	}
	testkit.Eventually(t, "the welcome in the course", func() bool { return len(p.Events(t, a, "trellis-demo.welcome-c.greeted")) == 1 })
	if e := p.Events(t, a, "trellis-demo.welcome-c.greeted")[0]; e.Course != here {
		t.Errorf("welcomed in %s", e.Course)
	}
}
