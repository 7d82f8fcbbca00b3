package courses

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/frame"
)

// courseSettingPages are those of what a course is.
func (p *Pages) courseSettingPages() []frame.Page {
	return []frame.Page{
		{Method: "GET", Path: "/courses/new", Name: "course.new", Summary: "Where a course is made.", Permission: "courses:write", Handle: p.newCourse},
		{Method: "POST", Path: "/courses/new", Name: "course.new.post", Summary: "Makes a course.", Permission: "courses:write", Handle: p.makeCourse},
		{Method: "GET", Path: "/courses/:course/settings", Name: "course.settings", Summary: "What a course is called, when it runs and who may join.", Permission: "courses:write", Handle: p.courseSettings},
		{Method: "POST", Path: "/courses/:course/settings", Name: "course.settings.post", Summary: "Changes a course.", Permission: "courses:write", Handle: p.changeCourse},
	}
}

// courseForm is a form about a course: what stands in its fields, by their names.
type courseForm struct {
	Key           string // of the course; "" for a new one
	Tabs          []frame.Link
	Values        map[string]string
	Organisations []learning.Organisation // that a new course may belong to
}

// dates are the fields of a course that are points in time.
func dates() []string { return []string{"start", "end", "enrollment_start", "enrollment_end"} }

// dateForm is how browsers write what is entered as a date and a time.
const dateForm = "2006-01-02T15:04"

// valuesOf is what stands in the fields of a course as it is.
func valuesOf(c learning.Course) map[string]string {
	v := map[string]string{"title": c.Title, "pacing": c.Pacing, "open_modes": strings.Join(c.OpenModes, ", "), "since": c.Event}
	for i, t := range []*time.Time{c.Start, c.End, c.EnrollmentStart, c.EnrollmentEnd} {
		if t != nil {
			v[dates()[i]] = t.UTC().Format(dateForm)
		}
	}
	if c.Seats > 0 {
		v["seats"] = strconv.Itoa(c.Seats)
	}
	for name, on := range map[string]bool{"hidden": c.Hidden, "invitation_only": c.InvitationOnly} {
		if on {
			v[name] = "on"
		}
	}
	return v
}

// sent is what was entered.
func sent(r *frame.Request, names ...string) map[string]string {
	v := map[string]string{}
	for _, n := range names {
		v[n] = strings.TrimSpace(r.Value(n))
	}
	return v
}

func courseFields() []string {
	return append(dates(), "title", "pacing", "open_modes", "seats", "hidden", "invitation_only", "since")
}

var modeForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,63}$`)

// read makes a change of a course of what was entered. Faults say what of it
// cannot be taken.
func (f courseForm) read() (in learning.UpdateCourse, faults []frame.Fault) {
	bad := func(field, text string) { faults = append(faults, frame.Fault{Field: field, Text: text}) }
	title := f.Values["title"]
	if n := utf8.RuneCountInString(title); n == 0 || n > 255 {
		bad("title", "Title must have 1 to 255 characters.")
	}
	seats := 0
	if s := f.Values["seats"]; s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 || n > 1_000_000 {
			bad("seats", "Seats must be a whole number from 0 to 1,000,000.")
		}
		seats = n
	}
	modes := strings.FieldsFunc(f.Values["open_modes"], func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' })
	if i := slices.IndexFunc(modes, func(m string) bool { return !modeForm.MatchString(m) }); i >= 0 {
		bad("open_modes", "Tracks must be names of small letters, digits and hyphens, such as audit; "+frame.Isolated(modes[i])+" is none.")
	}
	if len(modes) > 32 {
		bad("open_modes", "Tracks must be 32 at most.")
	}
	names := map[string]string{"start": "Starts", "end": "Ends", "enrollment_start": "Enrolment opens", "enrollment_end": "Enrolment closes"}
	at := map[string]*time.Time{}
	for _, d := range dates() {
		t, ok := when(f.Values[d])
		if !ok {
			bad(d, names[d]+" must be a date and a time, such as 2026-05-03 09:00.")
		}
		at[d] = &t
	}
	if a, b := at["start"], at["end"]; !a.IsZero() && !b.IsZero() && b.Before(*a) {
		bad("end", "Ends must be after Starts.")
	}
	if a, b := at["enrollment_start"], at["enrollment_end"]; !a.IsZero() && !b.IsZero() && b.Before(*a) {
		bad("enrollment_end", "Enrolment closes must be after Enrolment opens.")
	}
	pacing := f.Values["pacing"]
	if pacing != "instructor" && pacing != "self" {
		bad("pacing", "Pace must be one of the two.")
	}
	hidden, invited := f.Values["hidden"] != "", f.Values["invitation_only"] != ""
	return learning.UpdateCourse{
		Key: f.Key, Title: &title, Start: at["start"], End: at["end"], EnrollmentStart: at["enrollment_start"], EnrollmentEnd: at["enrollment_end"],
		Pacing: &pacing, Hidden: &hidden, InvitationOnly: &invited, OpenModes: append([]string{}, modes...), Seats: &seats, Since: f.Values["since"],
	}, faults
}

// when reads a point in time in UTC; the zero time is none.
func when(s string) (time.Time, bool) {
	if s == "" {
		return time.Time{}, true
	}
	for _, form := range []string{dateForm, "2006-01-02 15:04", "2006-01-02T15:04:05", time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(form, s); err == nil && t.Year() > 1900 && t.Year() < 10000 {
			return t, true
		}
	}
	return time.Time{}, false
}

func (p *Pages) courseSettings(r *frame.Request) error {
	c, err := p.ownCourse(r)
	if err != nil {
		return err
	}
	return showCourseForm(r, http.StatusOK, c, valuesOf(c), nil)
}

// ownCourse returns the course of the path, to those who may change it.
func (p *Pages) ownCourse(r *frame.Request) (learning.Course, error) {
	key, err := r.Param("course")
	if err != nil {
		return learning.Course{}, err
	}
	c, err := frame.Call[learning.Course](r, "courses.get", learning.ByCourse{Course: key})
	if err == nil && !frame.Can(r.Ctx, "courses:write", frame.InCourse(key)) {
		err = trellis.Errorf(trellis.Denied, "those who teach the course change its settings")
	}
	return c, err
}

func showCourseForm(r *frame.Request, status int, c learning.Course, values map[string]string, faults []frame.Fault) error {
	at := "/courses/" + url.PathEscape(c.Key)
	return r.ShowAs(status, "settings", frame.View{
		Title: "Settings of the course", Nav: "/courses", Crumbs: []frame.Link{{Text: "My courses", Path: "/courses"}, {Text: c.Title, Path: at}}, Faults: faults,
		Data: courseForm{Key: c.Key, Tabs: frame.CourseTabs(r, c.Key), Values: values},
		Code: []frame.Code{{What: "What is absent stays as it is.", HTTP: "PATCH /api/v1/courses/" + c.Key + " {\"title\": \"…\", \"start\": \"2026-05-03T09:00:00Z\"}"}},
	})
}

func (p *Pages) changeCourse(r *frame.Request) error {
	c, err := p.ownCourse(r)
	if err != nil {
		return err
	}
	f := courseForm{Key: c.Key, Values: sent(r, courseFields()...)}
	in, faults := f.read()
	if faults != nil {
		return showCourseForm(r, http.StatusBadRequest, c, f.Values, faults)
	}
	changed, err := frame.Call[learning.Course](r, "courses.update", in)
	at := "/courses/" + url.PathEscape(c.Key) + "/settings"
	switch trellis.KindOf(err) {
	case "":
		if changed.Event == c.Event {
			return r.Done(at, frame.Notice{State: "info", Text: "Nothing was different, so nothing has changed."})
		}
		back := valuesOf(c)
		back["since"] = changed.Event
		return r.Done(at, frame.Notice{State: "ok", Text: "The settings are saved.", Undo: &frame.Undo{Action: at, Fields: back}})
	case trellis.Conflict:
		if c, err = p.ownCourse(r); err != nil {
			return err
		}
		return showCourseForm(r, http.StatusConflict, c, f.Values, f.meanwhile(c))
	case trellis.Invalid:
		return showCourseForm(r, http.StatusBadRequest, c, f.Values, []frame.Fault{{Text: frame.Sentence(frame.Plainly(err, c.Key, c.Title))}})
	}
	return err
}

// meanwhile says of each field what somebody else has made of it since it was
// read. Sent again, the form is about what is there now.
func (f courseForm) meanwhile(c learning.Course) (faults []frame.Fault) {
	now := valuesOf(c)
	for _, name := range courseFields() {
		if name == "since" || now[name] == f.Values[name] {
			continue
		}
		theirs := frame.Isolated(now[name])
		if now[name] == "" {
			theirs = "nothing"
		}
		faults = append(faults, frame.Fault{Field: name, Text: "Somebody else has changed the course meanwhile; here it now says " + theirs + ". Save again to put yours in its place."})
	}
	if faults == nil {
		faults = []frame.Fault{{Text: "Somebody else has changed the course meanwhile, to just this. There is nothing left to save."}}
	}
	f.Values["since"] = c.Event
	return faults
}
