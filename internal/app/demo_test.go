package app_test

import (
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// TestDemo: the demo has something to see for each of those who sign in, and stays
// as somebody has left it when it is started again.
func TestDemo(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	begun := time.Now().UTC()
	first, err := p.SeedDemo(t.Context(), app.Demo{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := app.System(t.Context(), app.DemoTenant)
	door := trellis.WithActor(t.Context(), trellis.Actor{Tenant: app.DemoTenant})
	for _, login := range []string{first.OperatorLogin, first.StaffLogin, first.LearnerLogin} {
		name, password, _ := strings.Cut(login, ":")
		if _, err := p.Learning.SignIn(door, learning.Login{Username: name, Password: learning.Secret(password)}); err != nil {
			t.Errorf("%s does not sign in: %v", name, err)
		}
	}
	in := map[string]int{}
	learner := 0
	var somebody learning.Enrollment
	if err := p.Learning.EachEnrollment(ctx, func(e learning.Enrollment) error {
		in[e.Course]++
		if e.Person == first.LearnerID {
			learner++
		} else if e.Course == app.DemoCourse {
			somebody = e
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if in[app.DemoCourse] < 10 || in[app.ClosedDemo] != 0 || learner != 3 {
		t.Errorf("%d people in the course, %d in the closed one; the learner is in %d courses", in[app.DemoCourse], in[app.ClosedDemo], learner)
	}
	if _, err := p.Learning.Enroll(ctx, learning.Enroll{Person: first.LearnerID, Course: app.ClosedDemo}); trellis.KindOf(err) != trellis.Refused {
		t.Errorf("the closed course takes in the learner: %v", err)
	}
	card, err := p.Registry.Find(ctx, "trellis-demo.live-card-c", extensions.Scope{Course: app.DemoCourse})
	if err != nil || len(card.Enabled) != 1 || card.Enabled[0].Course != app.DemoCourse || card.Enabled[0].State != "on" {
		t.Errorf("the live card is %+v (%v)", card.Enabled, err)
	}
	midnight, hours := begun.Truncate(24*time.Hour), map[int]bool{}
	for _, e := range p.Events(t, ctx, learning.EnrollmentCreated.Name()) {
		if e.Time.After(time.Now()) {
			t.Errorf("somebody enrols at %v", e.Time)
		}
		if e.Course == app.DemoCourse && !e.Time.Before(midnight) {
			hours[e.Time.Hour()] = true
		}
	}
	if so := begun.Hour() + 1; time.Now().UTC().Day() == begun.Day() && len(hours) < min(so, 3) {
		t.Errorf("all come in %d of %d hours", len(hours), so)
	}
	testkit.Eventually(t, "the card to have counted all", func() bool {
		return len(p.Events(t, ctx, "trellis-demo.live-card-c.counted")) > 0
	})

	// Somebody makes it her own.
	if _, err := p.Learning.Unenroll(ctx, learning.Unenroll{Person: somebody.Person, Course: app.DemoCourse}); err != nil {
		t.Fatal(err)
	}
	title, school := "Mine", "My school"
	if _, err := p.Learning.UpdateCourse(ctx, learning.UpdateCourse{Key: app.DemoCourse, Title: &title}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Learning.PutTenant(app.System(t.Context(), trellis.PlatformTenant), learning.PutTenant{Name: app.DemoTenant, Title: school, Open: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Registry.Disable(ctx, "trellis-demo.live-card-c", app.DemoCourse); err != nil {
		t.Fatal(err)
	}
	again, err := p.SeedDemo(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	if again != first {
		t.Errorf("the second start returns %+v, the first %+v", again, first)
	}
	e, err := p.Learning.Enrollment(ctx, app.DemoCourse, somebody.Person)
	if err != nil || e.Active {
		t.Errorf("who has left is brought back: %+v (%v)", e, err)
	}
	c, err := p.Learning.Course(ctx, app.DemoCourse)
	if err != nil || c.Title != title {
		t.Errorf("the course is called %q (%v)", c.Title, err)
	}
	if tenant, err := p.Learning.Tenant(ctx); err != nil || tenant.Title != school {
		t.Errorf("the school is called %q (%v)", tenant.Title, err)
	}
	if card, err = p.Registry.Find(ctx, "trellis-demo.live-card-c", extensions.Scope{Course: app.DemoCourse}); err != nil || card.Enabled[0].State != "off" {
		t.Errorf("the live card is %+v (%v)", card.Enabled, err)
	}
}
