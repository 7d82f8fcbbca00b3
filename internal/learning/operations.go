package learning

import (
	"context"
	"strings"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/store"
)

// Operations returns the operations of the core, with the doors that they are
// offered at.
func (l *Learning) Operations() []hostapi.Operation {
	return append(l.accountOperations(), l.courseOperations()...)
}

// ByID names something.
type ByID struct {
	ID string `json:"id" doc:"Its ID."`
}

// Nothing is an input without fields.
type Nothing struct{}

// Done is the answer of what has none.
type Done struct{}

// guest is the door of extensions.
func guest(d hostapi.Doors) hostapi.Doors { return d.And(hostapi.Guest()) }

func (l *Learning) accountOperations() []hostapi.Operation {
	return []hostapi.Operation{
		hostapi.Define(hostapi.Spec{Name: "users.me", Doors: hostapi.HTTP("GET", "/api/v1/me"),
			Doc: "Who the caller is, and what she may do."}, nobody[Nothing], l.me),
		hostapi.Define(hostapi.Spec{Name: "users.get", Permission: "users:read", Doors: guest(hostapi.HTTP("GET", "/api/v1/users/:id")),
			Doc: "A person. Personal data is there for those who were granted it. Whoever reaches no farther than a course names it."},
			func(in GetUser) hostapi.Scope { return hostapi.Scope{Person: in.ID, Course: in.Course} }, l.getUser),
		hostapi.DefineList(hostapi.Spec{Name: "users.list", Permission: "users:read", Doors: hostapi.HTTP("GET", "/api/v1/users"),
			Doc: "The people of the tenant, or those enrolled in a course."},
			func(in ListUsers) hostapi.Scope { return hostapi.Scope{Course: in.Course} }, l.listUsers),
		hostapi.Define(hostapi.Spec{Name: "users.create", Permission: "users:write", Writes: true, Doors: hostapi.HTTP("POST", "/api/v1/users"),
			Doc: "Makes an account, through the registration filter."}, nobody[Register], func(ctx context.Context, in Register) (trellis.User, error) {
			p, err := l.Register(ctx, in)
			return p.User, err
		}),
		hostapi.Define(hostapi.Spec{Name: "users.update", Permission: "users:write", Writes: true, Doors: hostapi.HTTP("PATCH", "/api/v1/users/:id"),
			Doc: "Changes an account, or switches it off."},
			func(in UpdatePerson) hostapi.Scope { return hostapi.Scope{Person: in.ID} },
			func(ctx context.Context, in UpdatePerson) (trellis.User, error) {
				p, err := l.UpdatePerson(ctx, in)
				return p.User, err
			}),
		hostapi.Define(hostapi.Spec{Name: "users.set_password", Permission: "users:write", Writes: true, Doors: hostapi.HTTP("PUT", "/api/v1/users/:id/password"),
			Doc: "Gives a person another password and ends the person's sessions."},
			func(in setPassword) hostapi.Scope { return hostapi.Scope{Person: in.ID} },
			func(ctx context.Context, in setPassword) (Done, error) {
				return Done{}, l.SetPassword(ctx, in.ID, in.Password)
			}),
		hostapi.Define(hostapi.Spec{Name: "users.change_password", Writes: true, Doors: hostapi.HTTP("PUT", "/api/v1/me/password"),
			Doc: "Gives the caller another password, if she knows the present one, and ends her sessions."}, nobody[ChangePassword],
			func(ctx context.Context, in ChangePassword) (Done, error) { return Done{}, l.ChangePassword(ctx, in) }),
		hostapi.Define(hostapi.Spec{Name: "users.end_sessions", Writes: true, Doors: hostapi.HTTP("DELETE", "/api/v1/me/sessions"),
			Doc: "Ends every session of the caller: she is signed out everywhere. Her tokens stay."}, nobody[Nothing],
			func(ctx context.Context, _ Nothing) (Done, error) { return Done{}, l.EndSessions(ctx) }),
		hostapi.Define(hostapi.Spec{Name: "users.erase", Permission: "users:write", Writes: true, Doors: hostapi.HTTP("DELETE", "/api/v1/users/:id"),
			Doc: "Forgets a person for good: name, address and account. Enrolments end; grades stay, as nobody's."},
			func(in ByID) hostapi.Scope { return hostapi.Scope{Person: in.ID} },
			func(ctx context.Context, in ByID) (Done, error) { return Done{}, l.Erase(ctx, in.ID) }),
		hostapi.DefineList(hostapi.Spec{Name: "roles.list", Permission: "roles:read", Doors: hostapi.HTTP("GET", "/api/v1/roles"),
			Doc: "Who has which role."},
			func(in ListRoles) hostapi.Scope { return hostapi.Scope{Course: in.Course, Person: in.Person} }, l.listRoles),
		hostapi.Define(hostapi.Spec{Name: "roles.assign", Permission: "roles:write", Writes: true, Doors: hostapi.HTTP("POST", "/api/v1/roles"),
			Doc: "Gives somebody a role."}, Assign.scope, l.AssignRole),
		hostapi.Define(hostapi.Spec{Name: "roles.remove", Permission: "roles:write", Writes: true, Doors: hostapi.HTTP("DELETE", "/api/v1/roles"),
			Doc: "Takes a role from somebody."}, Assign.scope, l.RemoveRole),
		hostapi.DefineList(hostapi.Spec{Name: "tokens.list", Permission: "tokens:write", Doors: hostapi.HTTP("GET", "/api/v1/tokens"),
			Doc: "The caller's tokens, or all of the tenant's for those who run it."}, nobody[ListTokens], l.listTokens),
		hostapi.DefineList(hostapi.Spec{Name: "tokens.create", Permission: "tokens:write", Writes: true, Doors: hostapi.HTTP("POST", "/api/v1/tokens"),
			Doc: "Makes a token that allows no more than its maker may do."}, nobody[CreateToken], l.CreateToken),
		hostapi.DefineList(hostapi.Spec{Name: "tokens.revoke", Permission: "tokens:write", Writes: true, Doors: hostapi.HTTP("DELETE", "/api/v1/tokens/:id"),
			Doc: "Ends a token."}, func(in ByID) hostapi.Scope { return hostapi.Scope{Thing: in.ID} }, l.revoke),
		hostapi.Define(hostapi.Spec{Name: "tenants.get", Permission: "tenants:read", Doors: hostapi.HTTP("GET", "/api/v1/tenant"),
			Doc: "The tenant."}, nobody[Nothing], func(ctx context.Context, _ Nothing) (Tenant, error) { return l.Tenant(ctx) }),
		hostapi.Define(hostapi.Spec{Name: "tenants.numbers", Permission: "audit:read", Doors: hostapi.HTTP("GET", "/api/v1/tenant/numbers"),
			Doc: "How many people and courses the tenant has, and what happened within the last day."}, nobody[Nothing],
			func(ctx context.Context, _ Nothing) (Numbers, error) { return l.Numbers(ctx) }),
		hostapi.Define(hostapi.Spec{Name: "tenants.list", Permission: "tenants:write", Doors: hostapi.HTTP("GET", "/api/v1/tenants"),
			Doc: "Every tenant, for operators."}, nobody[Nothing], func(ctx context.Context, _ Nothing) (List[Tenant], error) {
			all, err := l.Tenants(ctx)
			return List[Tenant]{Items: all}, err
		}),
		hostapi.Define(hostapi.Spec{Name: "tenants.put", Permission: "tenants:write", Writes: true, Doors: hostapi.HTTP("PUT", "/api/v1/tenants/:name"),
			Doc: "Makes a tenant or changes it, for operators."}, func(in PutTenant) hostapi.Scope { return hostapi.Scope{Thing: in.Name} }, l.PutTenant),
		hostapi.Define(hostapi.Spec{Name: "tenants.brand", Permission: "brand:write", Writes: true, Doors: hostapi.HTTP("PUT", "/api/v1/tenant/brand"),
			Doc: "Changes how the tenant's pages look: its title, its colour and its logo."}, nobody[Brand], l.Brand),
		hostapi.Define(hostapi.Spec{Name: "audit.list", Permission: "audit:read", Doors: hostapi.HTTP("GET", "/api/v1/audit"),
			Doc: "Who did what in the whole tenant, newest first."}, nobody[ListAudit], l.listAudit),
	}
}

func nobody[T any](T) hostapi.Scope { return hostapi.Scope{} }

func (in Assign) scope() hostapi.Scope {
	return hostapi.Scope{Organisation: in.Organisation, Course: in.Course, Thing: in.Role + " " + in.Person}
}

type setPassword struct {
	ID       string `json:"id" doc:"ID of the person."`
	Password Secret `json:"password" doc:"The new password: 8 characters to 1,024 bytes."`
}

// Me is who the caller is.
type Me struct {
	Tenant string         `json:"tenant" doc:"The tenant that the caller acts in."`
	ID     string         `json:"id" doc:"ID of the person or the token."`
	Kind   string         `json:"kind" doc:"person or service."`
	User   *Account       `json:"user,omitempty" doc:"The caller's own account, as far as the token may see it."`
	Roles  []trellis.Role `json:"roles" doc:"What the caller may be, and where."`
	Scopes []string       `json:"scopes,omitempty" doc:"Permissions that the token is narrowed to."`
}

// Account is the caller's own account. What of it is personal is hers to see.
type Account struct {
	ID       string `json:"id" doc:"ID of the person."`
	Number   int64  `json:"number" doc:"The same person, for systems that want an integer."`
	Username string `json:"username,omitempty" doc:"The name to log in with."`
	Email    string `json:"email,omitempty" doc:"The address."`
	Name     string `json:"name,omitempty" doc:"The full name."`
}

// AccountOf returns a person's account as the person sees it.
func AccountOf(p Person) Account {
	return Account{ID: p.ID, Number: p.Number, Username: p.PII.Username, Email: p.PII.Email, Name: p.PII.Name}
}

func (l *Learning) me(ctx context.Context, _ Nothing) (Me, error) {
	a := trellis.ActorFrom(ctx)
	me := Me{Tenant: a.Tenant, ID: a.ID, Kind: string(a.Kind), Roles: a.Roles, Scopes: a.Scopes}
	if a.Kind != trellis.PersonActor {
		return me, nil
	}
	p, err := l.Person(ctx, a.ID)
	if trellis.KindOf(err) == trellis.NotFound {
		return me, nil // an operator, in a tenant that is not hers
	}
	if err != nil {
		return Me{}, err
	}
	own := trellis.Redact(p.PII, func(class string) bool { return hostapi.ReachOf(ctx, "pii:"+class).Allows(hostapi.Scope{Person: a.ID}) })
	me.User = &Account{ID: p.ID, Number: p.Number, Username: own.Username, Email: own.Email, Name: own.Name}
	return me, nil
}

// GetUser names a person.
type GetUser struct {
	ID     string `json:"id" doc:"ID of the person."`
	Course string `json:"course,omitempty" doc:"Course in which the person is, or was, enrolled."`
}

func (l *Learning) getUser(ctx context.Context, in GetUser) (trellis.User, error) {
	if in.Course != "" {
		if _, err := l.Enrollment(ctx, in.Course, in.ID); err != nil {
			return trellis.User{}, err
		}
	}
	p, err := l.Person(ctx, in.ID)
	return p.User, err
}

// ListUsers says which people are wanted.
type ListUsers struct {
	Page
	Course string `json:"course,omitempty" doc:"Only those who are enrolled in this course."`
	Active *bool  `json:"active,omitempty" doc:"Only those whose account works, or only the others."`
	Search string `json:"search,omitempty" doc:"Only those in whose name, username or address this stands, as far as the caller may see these, or who have this ID or number."`

	Username string `json:"username,omitempty" doc:"Only the person who logs in with this name, whatever its case, for those who may see such names."`
	Email    string `json:"email,omitempty" doc:"Only those with this address, whatever its case, for those who may see addresses."`
}

func (l *Learning) listUsers(ctx context.Context, in ListUsers) (List[trellis.User], error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return List[trellis.User]{}, err
	}
	q := query{}
	q.and("tenant = ? AND erased = 0", tenant)
	if in.Active != nil {
		q.and("active = ?", *in.Active)
	}
	if in.Search != "" {
		if !printable(in.Search, 150) {
			return List[trellis.User]{}, trellis.Errorf(trellis.Invalid, "search: at most 150 printable characters")
		}
		q.search(ctx, in.Search)
	}
	if err := q.called(ctx, in); err != nil {
		return List[trellis.User]{}, err
	}
	q.people(ctx, tenant, in.Course)
	people, err := list(ctx, l.db, `SELECT `+personColumns+` FROM people`, q, []string{"id"}, in.Page, scanPerson,
		func(p Person) []string { return []string{p.ID} })
	out := List[trellis.User]{Items: make([]trellis.User, len(people.Items)), Next: people.Next}
	for i, p := range people.Items {
		out.Items[i] = p.User
	}
	return out, err
}

// people narrows a list of people to those in a course, if one is named, and to
// those whom the caller may see: herself, and those who are or were enrolled
// where she may read.
func (q *query) people(ctx context.Context, tenant, course string) {
	reach := hostapi.ReachOf(ctx, "users:read")
	enrolled := query{}
	enrolled.and("e.tenant = ?", tenant)
	enrolled.equal("e.course", course)
	enrolled.reach(ctx, "users:read", columns{course: "e.course", person: "e.person"})
	in := "id IN (SELECT e.person FROM enrollments e WHERE " + strings.Join(enrolled.where, " AND ") + ")"
	switch own := ownOf(reach); {
	case course == "" && reach.All():
	case course == "" && own != "":
		q.and("(id = ? OR "+in+")", append([]any{own}, enrolled.args...)...)
	default:
		q.and(in, enrolled.args...)
	}
}

// ownOf returns the person whom a reach takes in wherever she is, if any.
func ownOf(reach hostapi.Reach) string {
	for _, c := range reach {
		if c.Person != "" && c.Course == "" && c.Organisation == "" {
			return c.Person
		}
	}
	return ""
}

// ListRoles says which roles are wanted.
type ListRoles struct {
	Page
	Person       string `json:"person,omitempty" doc:"Only this person's."`
	Course       string `json:"course,omitempty" doc:"Only those in this course."`
	Organisation string `json:"organisation,omitempty" doc:"Only those in this organisation as a whole."`
	Role         string `json:"role,omitempty" doc:"Only this role." enum:"operator,tenant-admin,staff"`
}

func (l *Learning) listRoles(ctx context.Context, in ListRoles) (List[RoleAssignment], error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return List[RoleAssignment]{}, err
	}
	q := query{}
	q.and("tenant = ?", tenant)
	q.equal("person", in.Person)
	q.equal("course", in.Course)
	q.equal("organisation", in.Organisation)
	q.equal("role", in.Role)
	q.and("removed = 0")
	q.reach(ctx, "roles:read", columns{organisation: "organisation", course: "course", person: "person"})
	return list(ctx, l.db, `SELECT `+roleColumns+` FROM roles`, q,
		[]string{"person", "role", "organisation", "course"}, in.Page, scanRole,
		func(r RoleAssignment) []string { return []string{r.Person, r.Role, r.Organisation, r.Course} })
}

// ListTokens says which tokens are wanted.
type ListTokens struct {
	Page
	Person   string `json:"person,omitempty" doc:"Only this person's."`
	Sessions *bool  `json:"sessions,omitempty" doc:"Only those that logging in gave, or only the others."`
}

func (l *Learning) listTokens(ctx context.Context, in ListTokens) (List[Token], error) {
	tenant, err := store.Tenant(ctx)
	if err != nil {
		return List[Token]{}, err
	}
	q := query{}
	q.and("tenant = ?", tenant)
	q.and("revoked = 0 AND expires > ?", store.Micros(time.Now()))
	q.equal("person", in.Person)
	if in.Sessions != nil {
		among := map[bool]string{true: "person <> '' AND name = ?", false: "(person = '' OR name <> ?)"}[*in.Sessions]
		q.and(among, sessionName)
	}
	q.reach(ctx, "tokens:write", columns{person: "person"})
	return list(ctx, l.db, `SELECT `+tokenColumns+` FROM tokens`, q, []string{"id"}, in.Page, scanToken,
		func(t Token) []string { return []string{t.ID} })
}

func (l *Learning) revoke(ctx context.Context, in ByID) (Done, error) {
	t, err := l.Token(ctx, in.ID)
	if err != nil {
		return Done{}, err
	}
	if !hostapi.ReachOf(ctx, "tokens:write").Allows(hostapi.Scope{Person: t.Person}) {
		return Done{}, trellis.Errorf(trellis.NotFound, "token %q", in.ID)
	}
	return Done{}, l.RevokeToken(ctx, in.ID)
}

// ListAudit says which entries of the audit log are wanted.
type ListAudit struct {
	Before       string `json:"before,omitempty" doc:"ID of the last entry of the page before."`
	Limit        int    `json:"limit,omitempty" doc:"How many at most: 50 if absent, at most 200."`
	Operation    string `json:"operation,omitempty" doc:"Only those of this operation."`
	Installation string `json:"installation,omitempty" doc:"Only those of this installation of an extension."`
	Actor        string `json:"actor,omitempty" doc:"Only those of this actor."`
	Outcome      string `json:"outcome,omitempty" doc:"Only those that ended so." enum:"ok,denied,failed"`
	Trace        string `json:"trace,omitempty" doc:"Only those of this request."`
	Since        string `json:"since,omitempty" doc:"Only those from this time on: 2026-05-03T14:00:00Z."`
	Until        string `json:"until,omitempty" doc:"Only those from before this time."`
}

func (l *Learning) listAudit(ctx context.Context, in ListAudit) (List[store.Entry], error) {
	if in.Limit == 0 {
		in.Limit = defaultLimit
	}
	if in.Limit < 0 || in.Limit > maxLimit {
		return List[store.Entry]{}, trellis.Errorf(trellis.Invalid, "the limit lies between 1 and %d", maxLimit)
	}
	since, err := timeOf("since", in.Since)
	if err != nil {
		return List[store.Entry]{}, err
	}
	until, err := timeOf("until", in.Until)
	if err != nil {
		return List[store.Entry]{}, err
	}
	entries, err := l.db.AuditLog(ctx, store.AuditQuery{
		Before: in.Before, Limit: in.Limit + 1, Operation: in.Operation, Installation: in.Installation, Actor: in.Actor, Outcome: in.Outcome,
		Trace: in.Trace, Since: since, Until: until,
	})
	out := List[store.Entry]{Items: entries}
	if len(entries) > in.Limit {
		out.Items = entries[:in.Limit]
		out.Next = out.Items[in.Limit-1].ID
	}
	return out, err
}

// timeOf reads a point in time; "" is none.
func timeOf(what, s string) (t time.Time, err error) {
	if s == "" {
		return t, nil
	}
	if t, err = time.Parse(time.RFC3339, s); err != nil {
		return t, trellis.Errorf(trellis.Invalid, "%s: write a time like 2026-05-03T14:00:00Z", what)
	}
	return t, nil
}
