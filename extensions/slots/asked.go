package slots

import (
	"context"
	"encoding/json"
	"reflect"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/hostapi"
)

// input is what a hook is told.
func (f *filling) input(slot string, h extensions.Hook) Asked {
	in := Asked{Slot: slot, Tenant: f.who.Tenant, Course: f.page.Course, Settings: h.Settings(), Locale: f.page.Locale, Trace: f.trace, Time: f.now}
	if f.who.Kind == "" || f.who.ID == "" {
		return in
	}
	in.Person = &Person{ID: f.who.ID, Roles: f.roles}
	at := hostapi.Scope{Course: f.page.Course, Person: f.who.ID}
	for _, field := range []struct {
		class string
		to    *string
		of    func(trellis.PersonalData) string
	}{
		{trellis.PIIName, &in.Person.Name, func(d trellis.PersonalData) string { return d.Name }},
		{trellis.PIIEmail, &in.Person.Email, func(d trellis.PersonalData) string { return d.Email }},
		{trellis.PIIUsername, &in.Person.Username, func(d trellis.PersonalData) string { return d.Username }},
	} {
		if !h.Granted("pii:"+field.class) || !hostapi.ReachOf(f.ctx, "pii:"+field.class).Allows(at) {
			continue
		}
		f.people.Do(f.lookup)
		if *field.to = field.of(f.person); *field.to != "" {
			f.s.cfg.Registry.PersonalRead(context.WithoutCancel(f.ctx), h, f.who.ID, field.class) // recorded, be it too late for the page
		}
	}
	if f.page.Course != "" && f.s.cfg.Courses != nil && h.Granted("enrollments:read") && hostapi.ReachOf(f.ctx, "enrollments:read").Allows(at) {
		f.courses.Do(f.lookupEnrollment)
		in.Person.Enrolled = f.enrolled
	}
	return in
}

// lookupEnrollment reads whether who looks is enrolled in the course, once for the
// page.
func (f *filling) lookupEnrollment() {
	e, err := f.s.cfg.Courses.Enrollment(f.ctx, f.page.Course, f.who.ID)
	if err != nil && trellis.KindOf(err) != trellis.NotFound {
		f.s.log.Warn("enrolment of a page not read", "trace", f.trace, "err", err)
		return
	}
	f.enrolled = &Enrolled{Active: e.Active, Mode: e.Mode}
}

// lookup reads what the person is called, once for the page. Not to know it keeps
// nobody from showing something.
func (f *filling) lookup() {
	if f.s.cfg.People == nil {
		return
	}
	raw, err := json.Marshal(trellis.User{ID: f.who.ID})
	if err == nil {
		raw, err = f.s.cfg.People.FillPeople(f.ctx, reflect.TypeFor[trellis.User](), raw, func(string) bool { return true })
	}
	var u trellis.User
	if err == nil {
		err = json.Unmarshal(raw, &u)
	}
	if err != nil {
		f.s.log.Warn("person of a page not read", "trace", f.trace, "err", err)
		return
	}
	f.person = u.PII
}
