package app_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// TestStream: events are followed live, and a client that was cut off goes on
// where it was, with each event once. It hears of its own tenant alone.
func TestStream(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	ctx, other := p.Tenant(t, "acme"), p.Tenant(t, "other")
	course := p.Course(t, ctx, "course-v1:A+B+1")
	p.Course(t, other, course)
	_, token := p.Person(t, ctx, "admin", learning.Assign{Role: trellis.RoleTenantAdmin})

	people := 0
	enrol := func(n int) {
		for range n {
			people++
			for _, c := range []context.Context{ctx, other} {
				id, _ := p.Person(t, c, "person"+strconv.Itoa(people))
				if _, err := p.Learning.Enroll(c, learning.Enroll{Person: id, Course: course}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	seen := map[string]int{}
	last := p.DB.Log().Head()
	read := func(n int) {
		s := p.Follow(t, token, "type="+enrollment+"created.v1", last)
		defer s.Close()
		for range n {
			e := s.Next(t)
			if e.Tenant != "acme" {
				t.Errorf("an event of %s", e.Tenant)
			}
			seen[e.ID]++
			last = e.Position
		}
	}
	enrol(5)
	read(3)
	enrol(5)
	read(5)
	enrol(1)
	read(3)
	for _, e := range p.Events(t, ctx, enrollment+"created.v1") {
		if seen[e.ID] != 1 {
			t.Errorf("event %s came %d times", e.ID, seen[e.ID])
		}
	}
	if len(seen) != people {
		t.Errorf("%d events came, want %d", len(seen), people)
	}
}
