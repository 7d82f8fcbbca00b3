package learning

import (
	"context"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/store"
)

// ByCourse names a course.
type ByCourse struct {
	Course string `json:"course" doc:"Key of the course."`
}

// ByEnrollment names an enrolment.
type ByEnrollment struct {
	Course string `json:"course" doc:"Key of the course."`
	Person string `json:"person,omitempty" doc:"ID of the person; the one who asks if absent."`
}

// inCourse is where something stands that concerns a person in a course.
func inCourse(course, person string) hostapi.Scope {
	return hostapi.Scope{Organisation: trellis.OrganisationOf(course), Course: course, Person: person}
}

// self is the person who asks, where nobody is named.
func self(ctx context.Context, person string) string {
	if a := trellis.ActorFrom(ctx); person == "" && a.Kind == trellis.PersonActor {
		return a.ID
	}
	return person
}

func (l *Learning) courseOperations() []hostapi.Operation {
	return []hostapi.Operation{
		hostapi.DefineList(hostapi.Spec{Name: "organisations.list", Permission: "organisations:read", Doors: hostapi.HTTP("GET", "/api/v1/organisations"),
			Doc: "The organisations of the tenant."}, nobody[Page], l.listOrganisations),
		hostapi.Define(hostapi.Spec{Name: "organisations.put", Permission: "organisations:write", Writes: true, Doors: hostapi.HTTP("PUT", "/api/v1/organisations/:key"),
			Doc: "Makes an organisation or renames it."},
			func(in PutOrganisation) hostapi.Scope { return hostapi.Scope{Organisation: in.Key} },
			func(ctx context.Context, in PutOrganisation) (Organisation, error) {
				return l.PutOrganisation(ctx, Organisation{Key: in.Key, Title: in.Title})
			}),
		hostapi.DefineList(hostapi.Spec{Name: "courses.list", Permission: "courses:read", Doors: guest(hostapi.HTTP("GET", "/api/v1/courses")),
			Doc: "The courses of the tenant."},
			func(in ListCourses) hostapi.Scope { return hostapi.Scope{Organisation: in.Organisation} }, l.listCourses),
		hostapi.Define(hostapi.Spec{Name: "courses.get", Permission: "courses:read", Doors: guest(hostapi.HTTP("GET", "/api/v1/courses/:course")),
			Doc: "A course."}, func(in ByCourse) hostapi.Scope { return inCourse(in.Course, "") },
			func(ctx context.Context, in ByCourse) (Course, error) { return l.Course(ctx, in.Course) }),
		hostapi.Define(hostapi.Spec{Name: "courses.create", Permission: "courses:write", Writes: true, Doors: hostapi.HTTP("POST", "/api/v1/courses"),
			Doc: "Makes a course, and its organisation if that is new."}, func(in CreateCourse) hostapi.Scope { return inCourse(in.Key, "") }, l.CreateCourse),
		hostapi.Define(hostapi.Spec{Name: "courses.update", Permission: "courses:write", Writes: true, Doors: hostapi.HTTP("PATCH", "/api/v1/courses/:course"),
			Doc: "Changes a course."}, func(in UpdateCourse) hostapi.Scope { return inCourse(in.Key, "") }, l.UpdateCourse),
		hostapi.DefineList(hostapi.Spec{Name: "enrollments.list", Permission: "enrollments:read", Doors: guest(hostapi.HTTP("GET", "/api/v1/enrollments")),
			Doc: "Enrolments, of a course or of a person or all that the caller may see."},
			func(in ListEnrollments) hostapi.Scope { return inCourse(in.Course, in.Person) }, l.listEnrollments),
		hostapi.DefineList(hostapi.Spec{Name: "enrollments.get", Permission: "enrollments:read", Doors: guest(hostapi.HTTP("GET", "/api/v1/enrollments/:course")),
			Doc: "Somebody's enrolment in a course, active or not."},
			func(in ByEnrollment) hostapi.Scope { return inCourse(in.Course, in.Person) }, l.getEnrollment),
		hostapi.Define(hostapi.Spec{Name: "courses.people", Permission: "enrollments:read", Doors: hostapi.HTTP("GET", "/api/v1/courses/:course/people"),
			Doc: "Who is enrolled in a course."},
			func(in ListMembers) hostapi.Scope { return inCourse(in.Course, "") }, l.listMembers),
		hostapi.Define(hostapi.Spec{Name: "courses.seats", Permission: "courses:read", Doors: hostapi.HTTP("GET", "/api/v1/courses/:course/seats"),
			Doc: "How many seats a course has, and how many are taken."},
			func(in ByCourse) hostapi.Scope { return inCourse(in.Course, "") }, l.seats),
		hostapi.DefineList(hostapi.Spec{Name: "enrollments.create", Permission: "enrollments:write", Writes: true, Doors: guest(hostapi.HTTP("POST", "/api/v1/enrollments")),
			Doc: "Enrols somebody, through the enrolment filter."},
			func(in EnrollSomebody) hostapi.Scope { return inCourse(in.Course, in.Person) },
			func(ctx context.Context, in EnrollSomebody) (_ Enrollment, err error) {
				if in.Person, err = l.named(ctx, in.Course, in.Person, in.Username); err != nil {
					return Enrollment{}, err
				}
				return l.enrollAs(ctx, in.Enroll)
			}),
		hostapi.DefineList(hostapi.Spec{Name: "enrollments.update", Permission: "enrollments:write", Writes: true, Doors: guest(hostapi.HTTP("PATCH", "/api/v1/enrollments/:course")),
			Doc: "Changes the mode of an enrolment, or begins it again, through the enrolment filter."},
			func(in Enroll) hostapi.Scope { return inCourse(in.Course, in.Person) }, l.enrollAs),
		hostapi.DefineList(hostapi.Spec{Name: "enrollments.delete", Permission: "enrollments:write", Writes: true, Doors: hostapi.HTTP("DELETE", "/api/v1/enrollments/:course"),
			Doc: "Ends an enrolment, through the unenrolment filter."},
			func(in UnenrollSomebody) hostapi.Scope { return inCourse(in.Course, in.Person) },
			func(ctx context.Context, in UnenrollSomebody) (_ Enrollment, err error) {
				if in.Person, err = l.named(ctx, in.Course, in.Person, in.Username); err != nil {
					return Enrollment{}, err
				}
				return l.unenrollAs(ctx, in.Unenroll)
			}),
		hostapi.DefineList(hostapi.Spec{Name: "grades.list", Permission: "grades:read", Doors: guest(hostapi.HTTP("GET", "/api/v1/grades")),
			Doc: "Grades, of courses as a whole and of their items."},
			func(in ListGrades) hostapi.Scope { return inCourse(in.Course, in.Person) }, l.listGrades),
		hostapi.DefineList(hostapi.Spec{Name: "grades.get", Permission: "grades:read", Doors: guest(hostapi.HTTP("GET", "/api/v1/grades/:course")),
			Doc: "Somebody's grade in a course, or for one item of it."},
			func(in ByGrade) hostapi.Scope { return inCourse(in.Course, in.Person) }, l.getGrade),
		hostapi.Define(hostapi.Spec{Name: "grades.set", Permission: "grades:write", Writes: true, Doors: guest(hostapi.HTTP("PUT", "/api/v1/grades")),
			Doc: "Sets a grade."}, func(in SetGrade) hostapi.Scope { return inCourse(in.Course, in.Person) }, l.SetGrade),
		hostapi.DefineList(hostapi.Spec{Name: "completions.get", Permission: "completions:read", Doors: guest(hostapi.HTTP("GET", "/api/v1/completions/:course")),
			Doc: "How far somebody is with the blocks of a course."},
			func(in ListCompletions) hostapi.Scope { return inCourse(in.Course, in.Person) }, l.listCompletions),
		hostapi.DefineList(hostapi.Spec{Name: "completions.set", Permission: "completions:write", Writes: true, Doors: guest(hostapi.HTTP("PUT", "/api/v1/completions")),
			Doc: "Sets how far somebody is with a block."},
			func(in SetCompletion) hostapi.Scope { return inCourse(in.Course, in.Person) }, l.complete),
	}
}

// allowed is the second look of operations that name no person: now that it is
// known whom they concern, that must lie within the caller's reach.
func allowed(ctx context.Context, permission, course, person string) error {
	if person == "" {
		return trellis.Errorf(trellis.Invalid, "person: whom does it concern?")
	}
	if !hostapi.ReachOf(ctx, permission).Allows(inCourse(course, person)) {
		return trellis.Errorf(trellis.NotFound, "course %q, person %q", course, person)
	}
	return nil
}

func (l *Learning) enrollAs(ctx context.Context, in Enroll) (Enrollment, error) {
	in.Person = self(ctx, in.Person)
	if err := allowed(ctx, "enrollments:write", in.Course, in.Person); err != nil {
		return Enrollment{}, err
	}
	return l.Enroll(ctx, in)
}

func (l *Learning) unenrollAs(ctx context.Context, in Unenroll) (Enrollment, error) {
	in.Person = self(ctx, in.Person)
	if err := allowed(ctx, "enrollments:write", in.Course, in.Person); err != nil {
		return Enrollment{}, err
	}
	return l.Unenroll(ctx, in)
}

func (l *Learning) getEnrollment(ctx context.Context, in ByEnrollment) (Enrollment, error) {
	in.Person = self(ctx, in.Person)
	if err := allowed(ctx, "enrollments:read", in.Course, in.Person); err != nil {
		return Enrollment{}, err
	}
	return l.Enrollment(ctx, in.Course, in.Person)
}

func (l *Learning) complete(ctx context.Context, in SetCompletion) (Completion, error) {
	in.Person = self(ctx, in.Person)
	if err := allowed(ctx, "completions:write", in.Course, in.Person); err != nil {
		return Completion{}, err
	}
	actor := trellis.ActorFrom(ctx)
	if in.Person == actor.ID && !byRoles(actor, "completions:write").Allows(inCourse(in.Course, "")) {
		e, err := l.Enrollment(ctx, in.Course, in.Person)
		if err != nil {
			return Completion{}, err
		}
		if !e.Active { // it is the place of those who are in the course
			return Completion{}, trellis.Errorf(trellis.Conflict, "the enrolment in %s has ended", in.Course)
		}
	}
	return l.SetCompletion(ctx, in)
}

// ByGrade names a grade.
type ByGrade struct {
	Course string `json:"course" doc:"Key of the course."`
	Person string `json:"person,omitempty" doc:"ID of the person; the one who asks if absent."`
	Item   string `json:"item,omitempty" doc:"What was graded; absent for the course as a whole."`
}

func (l *Learning) getGrade(ctx context.Context, in ByGrade) (Grade, error) {
	in.Person = self(ctx, in.Person)
	if err := allowed(ctx, "grades:read", in.Course, in.Person); err != nil {
		return Grade{}, err
	}
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return Grade{}, err
	}
	var g Grade
	err = l.db.Read(ctx, func(tx *store.Tx) error {
		g, err = grade(ctx, tx, tenant, in.Course, in.Person, in.Item)
		return err
	})
	return g, err
}

// PutOrganisation names an organisation and its title.
type PutOrganisation struct {
	Key   string `json:"key" doc:"The organisation's key, as it stands in course keys."`
	Title string `json:"title" doc:"What it is called."`
}

func (l *Learning) listOrganisations(ctx context.Context, in Page) (List[Organisation], error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return List[Organisation]{}, err
	}
	q := query{}
	q.and("tenant = ?", tenant)
	q.reach(ctx, "organisations:read", columns{organisation: "key"})
	return list(ctx, l.db, `SELECT key, title, event FROM organisations`, q, []string{"key"}, in, scanOrganisation,
		func(o Organisation) []string { return []string{o.Key} })
}

// ListCourses says which courses are wanted.
type ListCourses struct {
	Page
	Organisation string `json:"organisation,omitempty" doc:"Only those of this organisation."`
	Enrolled     *bool  `json:"enrolled,omitempty" doc:"Only those in which the caller is enrolled, or only the others."`
	Search       string `json:"search,omitempty" doc:"Only those whose title or key has all of these words."`
}

func (l *Learning) listCourses(ctx context.Context, in ListCourses) (List[Course], error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return List[Course]{}, err
	}
	actor := trellis.ActorFrom(ctx)
	if in.Enrolled != nil && !hostapi.ReachOf(ctx, "enrollments:read").Allows(hostapi.Scope{Person: actor.ID}) {
		return List[Course]{}, trellis.Errorf(trellis.Denied, "enrolled: it is not yours to see where somebody is enrolled")
	}
	key := func(c Course) []string { return []string{c.Key} }
	read := func(page Page) (List[Course], error) {
		q := query{}
		q.and("tenant = ?", tenant)
		q.equal("organisation", in.Organisation)
		if in.Enrolled != nil {
			among := map[bool]string{true: "key IN", false: "key NOT IN"}[*in.Enrolled]
			q.and(among+" (SELECT course FROM enrollments WHERE tenant = ? AND person = ? AND active = 1)", tenant, actor.ID)
		}
		q.reach(ctx, "courses:read", columns{organisation: "organisation", course: "key"})
		q.shown(ctx, tenant)
		return list(ctx, l.db, `SELECT `+courseColumns+` FROM courses`, q, []string{"key"}, page, scanCourse, key)
	}
	if in.Search == "" {
		return read(in.Page)
	}
	has := words(in.Search)
	return search(in.Page, read, key, func(c Course) bool { return has(c.Title, c.Key) })
}

// shown leaves hidden courses out of a list, but for those whom their roles let
// change the course and those who are or were enrolled in it. An extension that
// acts by itself sees what it was granted.
func (q *query) shown(ctx context.Context, tenant string) {
	actor := trellis.ActorFrom(ctx)
	if actor.Kind != trellis.PersonActor && actor.Kind != trellis.ServiceActor {
		return
	}
	run := query{}
	run.inside(byRoles(actor, "courses:write"), columns{organisation: "organisation", course: "key"})
	if len(run.where) == 0 {
		return // every one of them
	}
	q.and("(hidden = 0 OR "+run.where[0]+" OR key IN (SELECT course FROM enrollments WHERE tenant = ? AND person = ?))",
		append(run.args, tenant, actor.ID)...)
}

// ListEnrollments says which enrolments are wanted.
type ListEnrollments struct {
	Page
	Course string `json:"course,omitempty" doc:"Only those in this course."`
	Person string `json:"person,omitempty" doc:"Only this person's."`
	Active *bool  `json:"active,omitempty" doc:"Only enrolments that count, or only those that ended."`
	Mode   string `json:"mode,omitempty" doc:"Only those in this mode."`
}

// ListGrades says which grades are wanted.
type ListGrades struct {
	Page
	Course string  `json:"course,omitempty" doc:"Only those in this course."`
	Person string  `json:"person,omitempty" doc:"Only this person's."`
	Item   *string `json:"item,omitempty" doc:"Only those for this; empty, only those of courses as a whole."`
	Active *bool   `json:"active,omitempty" doc:"Of no use: a grade is neither active nor not."`
}

func (l *Learning) listEnrollments(ctx context.Context, in ListEnrollments) (List[Enrollment], error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return List[Enrollment]{}, err
	}
	q := query{}
	q.and("tenant = ?", tenant)
	q.equal("course", in.Course)
	q.equal("person", in.Person)
	if in.Active != nil {
		q.and("active = ?", *in.Active)
	}
	q.equal("mode", in.Mode)
	q.reach(ctx, "enrollments:read", columns{course: "course", person: "person"})
	return list(ctx, l.db, `SELECT `+enrollmentColumns+` FROM enrollments`, q, []string{"course", "person"}, in.Page, scanEnrollment,
		func(e Enrollment) []string { return []string{e.Course, e.Person} })
}

func (l *Learning) listGrades(ctx context.Context, in ListGrades) (List[Grade], error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return List[Grade]{}, err
	}
	if in.Active != nil {
		return List[Grade]{}, trellis.Errorf(trellis.Invalid, "active: a grade is neither")
	}
	q := query{}
	q.and("tenant = ?", tenant)
	q.equal("course", in.Course)
	q.equal("person", in.Person)
	if in.Item != nil {
		q.and("item = ?", *in.Item)
	}
	q.reach(ctx, "grades:read", columns{course: "course", person: "person"})
	return list(ctx, l.db, `SELECT `+gradeColumns+` FROM grades`, q, []string{"course", "person", "item"}, in.Page, scanGrade,
		func(g Grade) []string { return []string{g.Course, g.Person, g.Item} })
}

// ListCompletions says whose completions are wanted.
type ListCompletions struct {
	Page
	Course string `json:"course" doc:"Key of the course."`
	Person string `json:"person,omitempty" doc:"ID of the person; the one who asks if absent."`
	Block  string `json:"block,omitempty" doc:"Only this block's."`
}

func (l *Learning) listCompletions(ctx context.Context, in ListCompletions) (List[Completion], error) {
	in.Person = self(ctx, in.Person)
	if err := allowed(ctx, "completions:read", in.Course, in.Person); err != nil {
		return List[Completion]{}, err
	}
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return List[Completion]{}, err
	}
	q := query{}
	q.and("tenant = ?", tenant)
	q.and("course = ?", in.Course)
	q.and("person = ?", in.Person)
	q.equal("block", in.Block)
	return list(ctx, l.db, `SELECT `+completionColumns+` FROM completions`, q, []string{"block"}, in.Page, scanCompletion,
		func(v Completion) []string { return []string{v.Block} })
}
