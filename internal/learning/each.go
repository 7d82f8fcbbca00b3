package learning

import (
	"context"

	"github.com/trellis-learning/trellis/internal/store"
)

// eachPage is how many rows are read at once by those who read all of them.
const eachPage = maxLimit

// each calls fn with every row of the tenant that a statement finds, page by page,
// so that nobody is kept from writing. The condition live leaves out the rows of
// what is gone.
func each[T any](ctx context.Context, db *store.DB, sel, live string, order []string,
	scan func(interface{ Scan(...any) error }) (T, error), key func(T) []string, fn func(T) error) error {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return err
	}
	for page := (Page{Limit: eachPage}); ; {
		q := query{}
		q.and("tenant = ?"+live, tenant)
		rows, err := list(ctx, db, sel, q, order, page, scan, key)
		if err != nil {
			return err
		}
		for _, row := range rows.Items {
			if err := fn(row); err != nil {
				return err
			}
		}
		if page.After = rows.Next; rows.Next == "" {
			return nil
		}
	}
}

// EachOrganisation calls fn with every organisation of the tenant of ctx.
func (l *Learning) EachOrganisation(ctx context.Context, fn func(Organisation) error) error {
	return each(ctx, l.db, `SELECT key, title, event FROM organisations`, "", []string{"key"}, scanOrganisation,
		func(o Organisation) []string { return []string{o.Key} }, fn)
}

// EachCourse calls fn with every course.
func (l *Learning) EachCourse(ctx context.Context, fn func(Course) error) error {
	return each(ctx, l.db, `SELECT `+courseColumns+` FROM courses`, "", []string{"key"}, scanCourse, func(c Course) []string { return []string{c.Key} }, fn)
}

// EachPerson calls fn with every person, with personal data.
func (l *Learning) EachPerson(ctx context.Context, fn func(Person) error) error {
	return each(ctx, l.db, `SELECT `+personColumns+` FROM people`, " AND erased = 0", []string{"id"}, scanPerson, func(p Person) []string { return []string{p.ID} }, fn)
}

// EachEnrollment calls fn with every enrolment, those that ended among them.
func (l *Learning) EachEnrollment(ctx context.Context, fn func(Enrollment) error) error {
	return each(ctx, l.db, `SELECT `+enrollmentColumns+` FROM enrollments`, "", []string{"course", "person"}, scanEnrollment,
		func(e Enrollment) []string { return []string{e.Course, e.Person} }, fn)
}

// EachRole calls fn with every role that somebody has.
func (l *Learning) EachRole(ctx context.Context, fn func(RoleAssignment) error) error {
	return each(ctx, l.db, `SELECT `+roleColumns+` FROM roles`, " AND removed = 0", []string{"person", "role", "organisation", "course"}, scanRole,
		func(r RoleAssignment) []string { return []string{r.Person, r.Role, r.Organisation, r.Course} }, fn)
}

// EachGrade calls fn with every grade.
func (l *Learning) EachGrade(ctx context.Context, fn func(Grade) error) error {
	return each(ctx, l.db, `SELECT `+gradeColumns+` FROM grades`, "", []string{"course", "person", "item"}, scanGrade,
		func(g Grade) []string { return []string{g.Course, g.Person, g.Item} }, fn)
}

// HasRole reports whether somebody has exactly this role.
func (l *Learning) HasRole(ctx context.Context, a Assign) (bool, error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return false, err
	}
	n := 0
	err = l.db.Read(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(ctx, `SELECT COUNT(*) FROM roles WHERE tenant = ? AND person = ? AND role = ? AND organisation = ? AND course = ? AND removed = 0`,
			tenant, a.Person, a.Role, a.Organisation, a.Course).Scan(&n)
	})
	return n > 0, err
}
