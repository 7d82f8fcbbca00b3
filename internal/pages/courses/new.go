package courses

import (
	"net/http"
	"net/url"
	"regexp"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/frame"
)

func (p *Pages) newCourse(r *frame.Request) error {
	return p.showNewCourse(r, http.StatusOK, map[string]string{"pacing": "instructor", "open_modes": "audit, honor"}, nil)
}

func (p *Pages) showNewCourse(r *frame.Request, status int, values map[string]string, faults []frame.Fault) error {
	if !makesCourses(r) {
		return trellis.Errorf(trellis.Denied, "those who run the school, or teach all of it or of one of its organisations, make courses")
	}
	list, err := frame.Call[learning.List[learning.Organisation]](r, "organisations.list", learning.Page{Limit: 200})
	if err != nil {
		return err
	}
	var own []learning.Organisation
	for _, o := range list.Items {
		if frame.Can(r.Ctx, "courses:write", hostapi.Scope{Organisation: o.Key}) {
			own = append(own, o)
		}
	}
	if values["organisation"] == "" && len(own) == 1 {
		values["organisation"] = own[0].Key
	}
	return r.ShowAs(status, "new", frame.View{
		Title: "Make a course", Nav: "/courses", Crumbs: []frame.Link{{Text: "My courses", Path: "/courses"}}, Faults: faults,
		Data: courseForm{Values: values, Organisations: own},
		Code: []frame.Code{{CLI: "trellis course create course-v1:ORG+CODE+RUN TITLE", HTTP: "POST /api/v1/courses {\"key\": \"course-v1:ORG+CODE+RUN\", \"title\": \"…\"}"}},
	})
}

// keyPart is what each part of a course key is made of.
var keyPart = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,64}$`)

func (p *Pages) makeCourse(r *frame.Request) error {
	f := courseForm{Values: sent(r, append(courseFields(), "organisation", "code", "run")...)}
	var faults []frame.Fault
	for _, part := range []struct{ field, name, such string }{
		{"organisation", "Organisation", "Demo"}, {"code", "Code", "LOGIC1"}, {"run", "Run", "2026"},
	} {
		if !keyPart.MatchString(f.Values[part.field]) {
			faults = append(faults, frame.Fault{Field: part.field, Text: part.name + " must be letters without accents, digits and . _ ~ -, such as " + part.such + "."})
		}
	}
	in, more := f.read()
	if faults = append(faults, more...); faults != nil {
		return p.showNewCourse(r, http.StatusBadRequest, f.Values, faults)
	}
	key := "course-v1:" + f.Values["organisation"] + "+" + f.Values["code"] + "+" + f.Values["run"]
	if _, err := trellis.ParseCourseKey(key); err != nil {
		return p.showNewCourse(r, http.StatusBadRequest, f.Values, []frame.Fault{{Field: "code", Text: frame.Sentence(err.Error())}})
	}
	c, err := frame.Call[learning.Course](r, "courses.create", learning.CreateCourse{
		Key: key, Title: *in.Title, Start: in.Start, End: in.End, EnrollmentStart: in.EnrollmentStart, EnrollmentEnd: in.EnrollmentEnd,
		Pacing: *in.Pacing, Hidden: *in.Hidden, InvitationOnly: *in.InvitationOnly, OpenModes: in.OpenModes, Seats: *in.Seats,
	})
	switch trellis.KindOf(err) {
	case "":
		return r.Done("/courses/"+url.PathEscape(c.Key), frame.Notice{State: "ok", Text: "The course is made. Its people and its settings are in the tabs above."})
	case trellis.Conflict:
		return p.showNewCourse(r, http.StatusConflict, f.Values, []frame.Fault{{Field: "code", Text: "There is such a course already. Choose another code or run."}})
	case trellis.Denied, trellis.NotFound:
		return p.showNewCourse(r, http.StatusForbidden, f.Values, []frame.Fault{{Field: "organisation", Text: "You make no courses of " + frame.Isolated(f.Values["organisation"]) + ". Those who run the school do."}})
	case trellis.Invalid:
		return p.showNewCourse(r, http.StatusBadRequest, f.Values, []frame.Fault{{Text: frame.Sentence(err.Error())}})
	}
	return err
}
