package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/examples"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

// The demo's tenant and course.
const (
	DemoTenant = "demo"
	DemoCourse = "course-v1:Demo+Welcome+2026"
	ClosedDemo = "course-v1:Demo+Closed+2026"
)

// Demo is what somebody needs who tries the demo.
type Demo struct {
	Tenant, Course           string
	Operator, Staff, Learner string // tokens
	StaffID, LearnerID       string // people
}

// System returns a context in which the platform itself acts in a tenant.
func System(ctx context.Context, tenant string) context.Context {
	ctx = trellis.WithTrace(ctx, trellis.Trace{ID: trellis.NewTraceID()})
	return trellis.WithActor(ctx, trellis.Actor{Tenant: tenant, ID: "demo", Kind: trellis.SystemActor})
}

// SeedDemo makes the demo's tenant, courses, people and extensions, as far as they
// are not there, and new tokens. It can be called again and again.
func (a *App) SeedDemo(ctx context.Context) (Demo, error) {
	d := Demo{Tenant: DemoTenant, Course: DemoCourse}
	platform, tenant := System(ctx, trellis.PlatformTenant), System(ctx, DemoTenant)
	core := a.Learning
	if _, err := core.PutTenant(platform, learning.PutTenant{Name: DemoTenant, Title: "Demo", Open: true}); err != nil {
		return d, err
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
	for key, title := range map[string]string{DemoCourse: "Welcome to Trellis", ClosedDemo: "A course that the policy has closed"} {
		if _, err := core.CreateCourse(tenant, learning.CreateCourse{Key: key, Title: title}); err != nil {
			return d, err
		}
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
	if err := a.demoExtensions(tenant); err != nil {
		return d, err
	}
	for _, t := range []struct {
		ctx   context.Context
		owner string
		token *string
	}{{platform, operator, &d.Operator}, {tenant, d.StaffID, &d.Staff}, {tenant, d.LearnerID, &d.Learner}} {
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
	p, err := a.Learning.Register(ctx, learning.Register{Username: username, Email: username + "@demo.example", Name: name, Password: "trellis-demo"})
	return p.ID, err
}

// demoExtensions installs and enables what the demo shows.
func (a *App) demoExtensions(ctx context.Context) error {
	for _, x := range []struct {
		manifest, module []byte
		settings         map[string]any
	}{
		{examples.EnrollmentPolicy, wasm.EnrollmentPolicy, map[string]any{"closed_courses": []string{ClosedDemo}, "blocked_numbers": []int{7}}},
		{examples.Welcome, wasm.Welcome, nil},
	} {
		b, err := extensions.Make(map[string][]byte{"extension.json": x.manifest, "main.wasm": x.module})
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
		if _, err := a.Registry.Enable(ctx, extensions.Enable{ID: id, Grants: []string{"*"}, Settings: settings}); err != nil {
			return fmt.Errorf("enable %s: %w", id, err)
		}
	}
	return nil
}

// Env returns what the demo writes into demo.env.
func (d Demo) Env(url string) string {
	return fmt.Sprintf("TRELLIS_URL=%s\nTRELLIS_TENANT=%s\nTRELLIS_COURSE=%s\nTRELLIS_TOKEN=%s\nTRELLIS_OPERATOR_TOKEN=%s\nTRELLIS_STAFF_TOKEN=%s\nTRELLIS_LEARNER_TOKEN=%s\n",
		url, d.Tenant, d.Course, d.Operator, d.Operator, d.Staff, d.Learner)
}
