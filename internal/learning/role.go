package learning

import (
	"context"
	"slices"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/store"
)

// RoleAssignment is a role that somebody has, and where.
type RoleAssignment struct {
	Person       string    `json:"person" doc:"ID of the person."`
	Role         string    `json:"role" doc:"Name of the role." enum:"operator,tenant-admin,staff"`
	Organisation string    `json:"organisation,omitempty" doc:"Key of the organisation that it is limited to."`
	Course       string    `json:"course,omitempty" doc:"Key of the course that it is limited to."`
	Created      time.Time `json:"created" doc:"When it was given."`
	Event        string    `json:"event" doc:"ID of the event that gave it."`
}

// Assign names a role, somebody, and where.
type Assign struct {
	Person       string `json:"person" doc:"ID of the person."`
	Role         string `json:"role" doc:"Name of the role. Everybody with an account is a learner." enum:"operator,tenant-admin,staff"`
	Organisation string `json:"organisation,omitempty" doc:"Key of the organisation that it is limited to."`
	Course       string `json:"course,omitempty" doc:"Key of the course that it is limited to."`
}

// RoleChange is a role to be given or taken.
type RoleChange struct {
	Role     RoleAssignment
	Outcome  Outcome
	remove   bool
	person   *Person
	actor    int64 // number of the person who does it
	emission emission
}

// AssignRole gives somebody a role: events [RoleAssigned] and, for a course or an
// organisation, [AccessRoleAdded].
func (l *Learning) AssignRole(ctx context.Context, in Assign) (RoleAssignment, error) {
	return l.changeRole(ctx, in, false)
}

// RemoveRole takes a role from somebody: events [RoleRemoved] and
// [AccessRoleRemoved].
func (l *Learning) RemoveRole(ctx context.Context, in Assign) (RoleAssignment, error) {
	return l.changeRole(ctx, in, true)
}

func (l *Learning) changeRole(ctx context.Context, in Assign, remove bool) (RoleAssignment, error) {
	b, err := l.Batch(ctx, Keys{People: []string{in.Person, trellis.ActorFrom(ctx).ID}, Courses: []string{in.Course}})
	if err != nil {
		return RoleAssignment{}, err
	}
	prepare := b.PrepareAssignRole
	if remove {
		prepare = b.PrepareRemoveRole
	}
	c, err := prepare(ctx, in)
	if err != nil {
		return RoleAssignment{}, err
	}
	err = l.write(ctx, c)
	l.changed(watchedPerson(in.Person)) // this node knows at once, the others within a second
	return c.Role, err
}

// PrepareAssignRole prepares [Learning.AssignRole]. Nobody gives what she does
// not hold herself, or stands above.
func (b *Batch) PrepareAssignRole(ctx context.Context, in Assign) (*RoleChange, error) {
	return b.prepareRole(ctx, in, false)
}

// PrepareRemoveRole prepares [Learning.RemoveRole].
func (b *Batch) PrepareRemoveRole(ctx context.Context, in Assign) (*RoleChange, error) {
	return b.prepareRole(ctx, in, true)
}

func (b *Batch) prepareRole(ctx context.Context, in Assign, remove bool) (*RoleChange, error) {
	if err := b.validRole(in); err != nil {
		return nil, err
	}
	actor := trellis.ActorFrom(ctx)
	if !mayGive(actor, in) {
		return nil, trellis.Errorf(trellis.Denied, "only somebody who holds the role there, or runs the tenant, may give or take it")
	}
	person, err := b.person(in.Person)
	if err != nil {
		return nil, err
	}
	c := &RoleChange{
		Role:   RoleAssignment{Person: in.Person, Role: in.Role, Organisation: in.Organisation, Course: in.Course, Created: now()},
		remove: remove, person: person, emission: newEmission(ctx),
	}
	if p, ok := b.Person(actor.ID); ok {
		c.actor = p.Number
	}
	return c, nil
}

func (b *Batch) validRole(in Assign) error {
	if err := validRole(b.tenant, in); err != nil || in.Course == "" {
		return err
	}
	_, err := b.course(in.Course)
	return err
}

// validRole reports whether there may be such a role in the tenant.
func validRole(tenant string, in Assign) error {
	switch {
	case in.Role == trellis.RoleLearner:
		return trellis.Errorf(trellis.Invalid, "everybody with an account is a learner")
	case !slices.Contains([]string{trellis.RoleOperator, trellis.RoleTenantAdmin, trellis.RoleStaff}, in.Role):
		return trellis.Errorf(trellis.Invalid, "there is no role %.80q: the roles are operator, tenant-admin and staff", in.Role)
	case in.Role == trellis.RoleOperator && (tenant != trellis.PlatformTenant || in.Organisation+in.Course != ""):
		return trellis.Errorf(trellis.Invalid, "an operator belongs to the platform's own tenant, without limits")
	case tenant == trellis.PlatformTenant && in.Role != trellis.RoleOperator:
		return trellis.Errorf(trellis.Invalid, "the platform's own tenant knows operators only")
	case in.Role == trellis.RoleTenantAdmin && in.Course != "":
		return trellis.Errorf(trellis.Invalid, "a tenant admin may be limited to an organisation, not to a course")
	case in.Organisation != "" && in.Course != "":
		return trellis.Errorf(trellis.Invalid, "a role is limited to an organisation or to a course, not to both")
	case in.Organisation != "" && !trellis.ValidOrganisation(in.Organisation):
		return trellis.Errorf(trellis.Invalid, "%.80q is not the key of an organisation", in.Organisation)
	}
	return nil
}

// mayGive reports whether actor stands where she may give or take the role.
func mayGive(actor trellis.Actor, in Assign) bool {
	if actor.Kind == trellis.SystemActor || actor.Is(trellis.RoleOperator) {
		return true
	}
	if in.Role == trellis.RoleOperator {
		return false
	}
	org := in.Organisation
	if in.Course != "" {
		org = trellis.OrganisationOf(in.Course)
	}
	for _, r := range actor.Roles {
		whole := r.Organisation == "" && r.Course == ""
		switch r.Name {
		case trellis.RoleTenantAdmin:
			if whole || r.Organisation != "" && r.Organisation == org {
				return true
			}
		case trellis.RoleStaff:
			if in.Role == trellis.RoleStaff && (whole || r.Course != "" && r.Course == in.Course || r.Organisation != "" && r.Organisation == org) {
				return true
			}
		}
	}
	return false
}

// Apply implements [store.Change].
func (c *RoleChange) Apply(ctx context.Context, tx *store.Tx) error {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return err
	}
	r, event := &c.Role, c.emission.of(0)
	var n int64
	if c.remove {
		n, err = tx.Exec(ctx, `UPDATE roles SET removed = 1, event = ?
			WHERE tenant = ? AND person = ? AND role = ? AND organisation = ? AND course = ? AND removed = 0`,
			event, tenant, r.Person, r.Role, r.Organisation, r.Course)
	} else if _, err = personByID(ctx, tx, tenant, r.Person); err == nil {
		n, err = tx.Exec(ctx, `INSERT INTO roles (tenant, person, role, organisation, course, created, event) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (tenant, person, role, organisation, course) DO UPDATE SET created = excluded.created, event = excluded.event, removed = 0
			WHERE roles.removed = 1`,
			tenant, r.Person, r.Role, r.Organisation, r.Course, store.Micros(r.Created), event)
	}
	if err != nil {
		return err
	}
	if n == 0 {
		c.Outcome = Unchanged
		return nil
	}
	r.Event = event
	assigned, access, data := RoleAssigned, AccessRoleAdded, RoleAssignmentData{Operation: "created"}
	c.Outcome = Created
	if c.remove {
		assigned, access, data.Operation, c.Outcome = RoleRemoved, AccessRoleRemoved, "deleted", Removed
	}
	data.Subject, data.Role, data.Scope, data.ActorID = r.Person, r.Role, r.scope(), c.actor
	e, err := assigned.New(ctx, "people/"+r.Person, RoleAssignmentPayload{data})
	if _, err := c.emission.emit(ctx, tx, 0, e, err); err != nil || r.scope() == "*" {
		return err
	}
	org := r.Organisation
	if r.Course != "" {
		org = trellis.OrganisationOf(r.Course)
	}
	e, err = access.New(ctx, "people/"+r.Person, AccessRolePayload{AccessRoleData{User: c.person.User, OrgKey: org, CourseKey: r.Course, Role: r.Role}})
	_, err = c.emission.emit(ctx, tx, 1, e, err)
	return err
}

func (r RoleAssignment) scope() string {
	switch {
	case r.Course != "":
		return r.Course
	case r.Organisation != "":
		return r.Organisation
	}
	return "*"
}

const roleColumns = `person, role, organisation, course, created, event`

func scanRole(row interface{ Scan(...any) error }) (RoleAssignment, error) {
	var r RoleAssignment
	var created int64
	err := row.Scan(&r.Person, &r.Role, &r.Organisation, &r.Course, &created, &r.Event)
	r.Created = store.FromMicros(created)
	return r, err
}

// rolesOf returns the roles of a person, that of a learner among them.
func rolesOf(ctx context.Context, tx *store.Tx, tenant, person string) ([]trellis.Role, error) {
	rows, err := tx.Query(ctx, `SELECT `+roleColumns+` FROM roles WHERE tenant = ? AND person = ? AND removed = 0
		ORDER BY role, organisation, course`, tenant, person)
	if err != nil {
		return nil, err
	}
	assigned, err := collect(rows, scanRole)
	if err != nil {
		return nil, err
	}
	roles := []trellis.Role{{Name: trellis.RoleLearner}}
	for _, r := range assigned {
		roles = append(roles, trellis.Role{Name: r.Role, Organisation: r.Organisation, Course: r.Course})
	}
	return roles, nil
}
