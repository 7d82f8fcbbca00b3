package slots_test

import (
	"context"
	"fmt"
	"html"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/slots"
	"github.com/trellis-learning/trellis/extensions/slots/tree"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/egress"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/secret"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/internal/testkit"
)

const (
	side  = "course.sidebar.v1"
	above = "course.main.v1"
	here  = "course-v1:A+Here+1"
	there = "course-v1:A+There+1"
)

// rig is a platform with a tenant and two courses. Its slots have all the time that
// a busy machine may need.
type rig struct {
	*testkit.Platform
	Slots          *slots.Slots
	ctx            context.Context // of the system
	learner, staff context.Context
	admin          context.Context // of somebody who runs the tenant
	token          string          // of the learner
}

func newRig(t testing.TB, cfg app.Config) *rig {
	t.Helper()
	r := &rig{Platform: testkit.Start(t, cfg)}
	r.ctx = r.Tenant(t, "acme")
	r.Course(t, r.ctx, here)
	r.Course(t, r.ctx, there)
	r.Slots = r.patient(t, slots.Config{People: r.Learning, Courses: r.Learning})
	r.learner, r.token = r.person(t, "acme", "lena")
	r.admin, _ = r.person(t, "acme", "alma", trellis.Role{Name: trellis.RoleTenantAdmin})
	r.staff, _ = r.person(t, "acme", "sam", trellis.Role{Name: trellis.RoleStaff, Course: here})
	return r
}

// patient returns slots of the rig that are made otherwise than the platform's.
func (r *rig) patient(t testing.TB, cfg slots.Config) *slots.Slots {
	t.Helper()
	key, err := secret.Parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	must(t, err)
	cfg.Registry, cfg.Key, cfg.ContentURL = r.Registry, key, "http://content.example"
	if cfg.Traces == nil {
		cfg.Traces = r.Plugins
	}
	if cfg.Deadline == 0 {
		cfg.Deadline = testkit.Patience
	}
	return slots.New(cfg)
}

// person makes somebody and returns a context in which he acts, with a trace.
func (r *rig) person(t testing.TB, tenant, name string, roles ...trellis.Role) (context.Context, string) {
	t.Helper()
	system := app.System(t.Context(), tenant)
	var assign []learning.Assign
	for _, role := range roles {
		assign = append(assign, learning.Assign{Role: role.Name, Course: role.Course})
	}
	_, token := r.Person(t, system, name, assign...)
	actor, err := r.Learning.Authenticate(t.Context(), tenant, token)
	must(t, err)
	return trellis.WithTrace(trellis.WithActor(t.Context(), actor), trellis.Trace{ID: trellis.NewTraceID()}), token
}

type line = map[string]any

type guest = map[string]func(*testkit.Code)

// says is a guest whose card says something.
func says(text string) func(*testkit.Code) {
	return func(c *testkit.Code) { c.Answer(`{"kind":"text","text":"` + text + `"}`) }
}

// add installs an extension with slots, and enables it in the tenant or a course.
func (r *rig) add(t testing.TB, id, course string, g guest, lines ...line) extensions.Extension {
	t.Helper()
	return r.addWith(t, id, course, g, nil, lines...)
}

// own brings an extension to a course as its staff would, and enables it there.
func (r *rig) own(t testing.TB, id, course string, g guest, lines ...line) {
	t.Helper()
	x, err := r.Registry.Install(r.ctx, pack(t, id, g, nil, lines...), extensions.Scope{Course: course})
	must(t, err)
	_, err = r.Registry.Enable(r.ctx, extensions.Enable{ID: x.ID, Course: course, Grants: []string{"*"}})
	must(t, err)
}

func (r *rig) addWith(t testing.TB, id, course string, g guest, more map[string]any, lines ...line) extensions.Extension {
	t.Helper()
	return r.Install(t, r.ctx, pack(t, id, g, more, lines...), course, nil)
}

// pack packs an extension with slots, in the side column unless they say where.
func pack(t testing.TB, id string, g guest, more map[string]any, lines ...line) []byte {
	t.Helper()
	for _, l := range lines {
		if l["slot"] == nil {
			l["slot"] = side
		}
	}
	if g == nil {
		g = guest{}
	}
	if len(g) == 0 {
		g["nothing"] = func(c *testkit.Code) { c.Answer("null") }
	}
	m := map[string]any{"id": id, "version": "1.0.0", "abi": 1, "title": "The " + id, "slots": lines}
	for k, v := range more {
		m[k] = v
	}
	return testkit.Bundle(t, m, testkit.Guest(g))
}

func page(course string) slots.Page {
	return slots.Page{URL: "/t/acme/courses/x", Base: "/t/acme", Course: course, CSRF: "the-token", Locale: "en"}
}

// fill fills the side column of a course's page.
func (r *rig) fill(ctx context.Context, course string) string {
	return string(r.Slots.Fill(ctx, page(course), slots.Want{Slot: side})[side])
}

var sectionPattern = regexp.MustCompile(`<section class="slot"[^>]*?(?: role="group" data-extension="([^"]*)")?(?: aria-label="[^"]*")?>(.*?)</section>`)

// seen returns what stands in a place, one after the other, as "extension: text".
func seen(container string) string {
	var out []string
	for _, m := range sectionPattern.FindAllStringSubmatch(container, -1) {
		body, _, _ := strings.Cut(m[2], `<footer class="slot-foot">`)
		out = append(out, m[1]+": "+strings.Join(strings.Fields(html.UnescapeString(tags.ReplaceAllString(body, " "))), " "))
	}
	return strings.Join(out, "; ")
}

var tags = regexp.MustCompile(`<[^>]*>`)

// hooks returns the sealed offers of a container, in order.
func hooks(container string) (all []string) {
	for _, m := range regexp.MustCompile(`name="_hook" value="([^"]*)"`).FindAllStringSubmatch(container, -1) {
		all = append(all, html.UnescapeString(m[1]))
	}
	return all
}

// form is what the n-th form of a container sends, with what was entered.
func form(t testing.TB, container string, n int, entered ...string) url.Values {
	t.Helper()
	all := hooks(container)
	if len(all) <= n {
		t.Fatalf("there is no form %d in %s", n, container)
	}
	v := url.Values{"_hook": {all[n]}, "csrf": {"the-token"}}
	for i := 0; i+1 < len(entered); i += 2 {
		v.Set(tree.FieldPrefix+entered[i], entered[i+1])
	}
	return v
}

// deaf returns the address of a server that never answers, and how guests may
// reach it.
func deaf(t testing.TB) (string, egress.Config) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return fmt.Sprintf("http://127.0.0.1:%d/", l.Addr().(*net.TCPAddr).Port), egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v (%s)", err, trellis.KindOf(err))
	}
}

// suspend takes an extension off, as its breaker would.
func suspend(t testing.TB, r *rig, id string) {
	t.Helper()
	must(t, r.DB.Write(r.ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE installations SET state = 'suspended', reason = 'it fails' WHERE extension = ? AND state = 'installed'`, id); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE registry_version SET value = value + 1 WHERE name = 'extensions'`)
		return err
	})))
	testkit.Eventually(t, "the registry to see it", func() bool {
		x, err := r.Registry.Get(r.ctx, id, extensions.Scope{})
		return err == nil && x.State == "suspended"
	})
}

func count(r *rig, query string, n *int) error {
	ctx := store.Platform(r.ctx)
	return r.DB.Read(ctx, func(tx *store.Tx) error { return tx.QueryRow(ctx, query).Scan(n) })
}
