package pages

import (
	"net/http"
	"net/url"
	"regexp"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/learning"
)

func (p *Pages) newCourse(r *request) error {
	return p.showNewCourse(r, http.StatusOK, map[string]string{"pacing": "instructor", "open_modes": "audit, honor"}, nil)
}

func (p *Pages) showNewCourse(r *request, status int, values map[string]string, faults []fault) error {
	if !makesCourses(r) {
		return trellis.Errorf(trellis.Denied, "those who run the school, or teach all of it or of one of its organisations, make courses")
	}
	list, err := call[learning.List[learning.Organisation]](r, "organisations.list", learning.Page{Limit: 200})
	if err != nil {
		return err
	}
	var own []learning.Organisation
	for _, o := range list.Items {
		if can(r.ctx, "courses:write", hostapi.Scope{Organisation: o.Key}) {
			own = append(own, o)
		}
	}
	if values["organisation"] == "" && len(own) == 1 {
		values["organisation"] = own[0].Key
	}
	return r.showAs(status, "coursenew", view{
		Title: "Make a course", Nav: "/courses", Crumbs: []link{{"My courses", "/courses"}}, Faults: faults,
		Data: courseForm{Values: values, Organisations: own},
		Code: []code{{"", "trellis course create course-v1:ORG+CODE+RUN TITLE", "POST /api/v1/courses {\"key\": \"course-v1:ORG+CODE+RUN\", \"title\": \"…\"}"}},
	})
}

// keyPart is what each part of a course key is made of.
var keyPart = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,64}$`)

func (p *Pages) makeCourse(r *request) error {
	f := courseForm{Values: r.sent(append(courseFields(), "organisation", "code", "run")...)}
	var faults []fault
	for _, part := range []struct{ field, name, such string }{
		{"organisation", "Organisation", "Demo"}, {"code", "Code", "LOGIC1"}, {"run", "Run", "2026"},
	} {
		if !keyPart.MatchString(f.Values[part.field]) {
			faults = append(faults, fault{part.field, part.name + " must be letters without accents, digits and . _ ~ -, such as " + part.such + "."})
		}
	}
	in, more := f.read()
	if faults = append(faults, more...); faults != nil {
		return p.showNewCourse(r, http.StatusBadRequest, f.Values, faults)
	}
	key := "course-v1:" + f.Values["organisation"] + "+" + f.Values["code"] + "+" + f.Values["run"]
	if _, err := trellis.ParseCourseKey(key); err != nil {
		return p.showNewCourse(r, http.StatusBadRequest, f.Values, []fault{{"code", sentence(err.Error())}})
	}
	c, err := call[learning.Course](r, "courses.create", learning.CreateCourse{
		Key: key, Title: *in.Title, Start: in.Start, End: in.End, EnrollmentStart: in.EnrollmentStart, EnrollmentEnd: in.EnrollmentEnd,
		Pacing: *in.Pacing, Hidden: *in.Hidden, InvitationOnly: *in.InvitationOnly, OpenModes: in.OpenModes, Seats: *in.Seats,
	})
	switch trellis.KindOf(err) {
	case "":
		return r.done("/courses/"+url.PathEscape(c.Key), notice{State: "ok", Text: "The course is made. Its people and its settings are in the tabs above."})
	case trellis.Conflict:
		return p.showNewCourse(r, http.StatusConflict, f.Values, []fault{{"code", "There is such a course already. Choose another code or run."}})
	case trellis.Denied, trellis.NotFound:
		return p.showNewCourse(r, http.StatusForbidden, f.Values, []fault{{"organisation", "You make no courses of " + isolated(f.Values["organisation"]) + ". Those who run the school do."}})
	case trellis.Invalid:
		return p.showNewCourse(r, http.StatusBadRequest, f.Values, []fault{{"", sentence(err.Error())}})
	}
	return err
}
