package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/examples"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

// The demo's tenant, its courses, and the password of those who sign in.
const (
	DemoTenant = "demo"
	DemoCourse = "course-v1:Demo+Welcome+2026"
	ClosedDemo = "course-v1:Demo+Closed+2026"

	ClosedDemoTitle = "A course that the policy has closed"
	DemoPassword    = "trellis-demo"
)

// Demo is what somebody needs who tries the demo.
type Demo struct {
	Tenant, Course           string
	Operator, Staff, Learner string // tokens
	StaffID, LearnerID       string // people

	OperatorLogin, StaffLogin, LearnerLogin string // name:password
}

// System returns a context in which the platform itself acts in a tenant.
func System(ctx context.Context, tenant string) context.Context {
	ctx = trellis.WithTrace(ctx, trellis.Trace{ID: trellis.NewTraceID()})
	return trellis.WithActor(ctx, trellis.Actor{Tenant: tenant, ID: "trellis", Kind: trellis.SystemActor})
}

// SeedDemo makes the demo's tenant, courses, people and extensions, as far as they
// are not there. It can be called again and again: tokens that an earlier call has
// returned are kept as long as they are good, so that terminals that know them go
// on working.
func (a *App) SeedDemo(ctx context.Context, earlier Demo) (Demo, error) {
	d := Demo{
		Tenant: DemoTenant, Course: DemoCourse,
		OperatorLogin: "operator:" + DemoPassword, StaffLogin: "staff:" + DemoPassword, LearnerLogin: "learner:" + DemoPassword,
	}
	platform, tenant := System(ctx, trellis.PlatformTenant), System(ctx, DemoTenant)
	core := a.Learning
	there, err := core.TenantExists(platform, DemoTenant)
	if err != nil {
		return d, err
	}
	if !there {
		if _, err := core.PutTenant(platform, learning.PutTenant{Name: DemoTenant, Title: "Demo School", Open: true}); err != nil {
			return d, err
		}
	}
	operator, err := a.person(platform, "operator", "Olivia Operator")
	if err != nil {
		return d, err
	}
	if _, err := core.AssignRole(platform, learning.Assign{Person: operator, Role: trellis.RoleOperator}); err != nil {
		return d, err
	}
	if _, err := core.PutOrganisation(tenant, learning.Organisation{Key: "Demo", Title: "Demo School"}); err != nil {
		return d, err
	}
	if err := a.makeDemoCourses(tenant); err != nil {
		return d, err
	}
	if d.StaffID, err = a.person(tenant, "staff", "Sasha Staff"); err != nil {
		return d, err
	}
	if _, err := core.AssignRole(tenant, learning.Assign{Person: d.StaffID, Role: trellis.RoleStaff, Course: DemoCourse}); err != nil {
		return d, err
	}
	if d.LearnerID, err = a.person(tenant, "learner", "Lena Learner"); err != nil {
		return d, err
	}
	people, err := a.makeDemoPeople(tenant)
	if err != nil {
		return d, err
	}
	if err := a.demoExtensions(tenant, people[len(people)-1]); err != nil {
		return d, err
	}
	if err := a.enrolDemoPeople(tenant, d.LearnerID, people); err != nil {
		return d, err
	}
	for _, t := range []struct {
		ctx     context.Context
		owner   string
		earlier string
		token   *string
	}{
		{platform, operator, earlier.Operator, &d.Operator}, {tenant, d.StaffID, earlier.Staff, &d.Staff}, {tenant, d.LearnerID, earlier.Learner, &d.Learner},
	} {
		if who, err := core.Authenticate(ctx, "", t.earlier); err == nil && who.ID == t.owner {
			*t.token = t.earlier
			continue
		}
		token, err := core.CreateToken(t.ctx, learning.CreateToken{Person: t.owner, Name: "demo"})
		if err != nil {
			return d, err
		}
		*t.token = token.Key
	}
	return d, nil
}

// person makes an account unless there is one of that name, and returns its ID.
func (a *App) person(ctx context.Context, username, name string) (string, error) {
	b, err := a.Learning.Batch(ctx, learning.Keys{Usernames: []string{username}})
	if err != nil {
		return "", err
	}
	if id, ok := b.Username(username); ok {
		return id, nil
	}
	p, err := a.Learning.Register(ctx, learning.Register{Username: username, Email: username + "@demo.example", Name: name, Password: DemoPassword})
	return p.ID, err
}

// demoExtensions installs and enables what the demo shows. The policy keeps out the
// fourth person who comes after the last one of the demo's own: of the first roster
// that somebody imports.
func (a *App) demoExtensions(ctx context.Context, last string) error {
	p, err := a.Learning.Person(ctx, last)
	if err != nil {
		return err
	}
	for _, x := range []struct {
		manifest, module []byte
		settings         map[string]any
		course           string // that it is enabled in, "" for all of them
	}{
		{examples.EnrollmentPolicy, wasm.EnrollmentPolicy, map[string]any{"closed_courses": []string{ClosedDemo}, "blocked_numbers": []int64{p.Number + 4}}, ""},
		{examples.Welcome, wasm.Welcome, nil, ""},
		{examples.LiveCard, wasm.LiveCard, nil, DemoCourse},
	} {
		b, err := bundle.Make(map[string][]byte{"extension.json": x.manifest, "main.wasm": x.module})
		if err != nil {
			return err
		}
		id := b.Manifest.ID
		present, err := a.Registry.Get(ctx, id, extensions.Scope{})
		if err != nil && trellis.KindOf(err) != trellis.NotFound {
			return err
		}
		if err == nil && present.Version == b.Manifest.Version {
			continue // as somebody has left it
		}
		var zip bytes.Buffer
		if err := b.Write(&zip); err != nil {
			return err
		}
		if _, err := a.Registry.Install(ctx, zip.Bytes(), extensions.Scope{}); err != nil {
			return fmt.Errorf("install %s: %w", id, err)
		}
		settings, err := json.Marshal(x.settings)
		if err != nil {
			return err
		}
		if x.settings == nil {
			settings = nil
		}
		if _, err := a.Registry.Enable(ctx, extensions.Enable{ID: id, Course: x.course, Grants: []string{"*"}, Settings: settings}); err != nil {
			return fmt.Errorf("enable %s: %w", id, err)
		}
	}
	return nil
}

// Env returns what the demo writes into demo.env.
func (d Demo) Env(url string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "TRELLIS_URL=%s\n", url)
	for _, v := range d.variables() {
		fmt.Fprintf(&out, "%s=%s\n", v.name, *v.value)
	}
	return out.String()
}

// ReadDemo reads what an earlier [Demo.Env] has written. What it cannot make sense
// of it leaves out.
func ReadDemo(env []byte) (d Demo) {
	for line := range strings.Lines(string(env)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		for _, v := range d.variables() {
			if v.name == name {
				*v.value = value
			}
		}
	}
	return d
}

type variable struct {
	name  string
	value *string
}

func (d *Demo) variables() []variable {
	return []variable{
		{"TRELLIS_TENANT", &d.Tenant}, {"TRELLIS_COURSE", &d.Course}, {"TRELLIS_TOKEN", &d.Operator},
		{"TRELLIS_OPERATOR_TOKEN", &d.Operator}, {"TRELLIS_STAFF_TOKEN", &d.Staff}, {"TRELLIS_LEARNER_TOKEN", &d.Learner},
		{"TRELLIS_OPERATOR_LOGIN", &d.OperatorLogin}, {"TRELLIS_STAFF_LOGIN", &d.StaffLogin}, {"TRELLIS_LEARNER_LOGIN", &d.LearnerLogin},
	}
}
