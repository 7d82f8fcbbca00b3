package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/api"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/testkit"
)

const (
	here  = "course-v1:A+Here+1"
	there = "course-v1:A+There+1"
)

// school is a tenant with people of every kind.
type school struct {
	*testkit.Platform
	ctx                           context.Context
	operator, admin, staff, lena  string // tokens
	adminID, staffID, lenaID, bob string
}

func open(t *testing.T) *school {
	t.Helper()
	p := testkit.Start(t, app.Config{})
	s := &school{Platform: p, ctx: p.Tenant(t, "acme"), operator: p.Operator(t)}
	p.Course(t, s.ctx, here)
	p.Course(t, s.ctx, there)
	s.adminID, s.admin = p.Person(t, s.ctx, "ada", learning.Assign{Role: trellis.RoleTenantAdmin})
	s.staffID, s.staff = p.Person(t, s.ctx, "sam", learning.Assign{Role: trellis.RoleStaff, Course: here})
	s.lenaID, s.lena = p.Person(t, s.ctx, "lena")
	s.bob, _ = p.Person(t, s.ctx, "bob")
	for _, e := range []learning.Enroll{{Person: s.lenaID, Course: here}, {Person: s.bob, Course: here}, {Person: s.bob, Course: there}} {
		if _, err := p.Learning.Enroll(s.ctx, e); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// send sends a request with headers, "NAME: VALUE".
func (s *school) send(t *testing.T, token, method, path string, body io.Reader, headers ...string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(raw)
}

// events reads pages until there are no more.
func (s *school) events(t *testing.T, token, query string) (all []trellis.Event) {
	t.Helper()
	for after, pages := "", 0; ; pages++ {
		status, body := s.Do(t, token, "GET", "/api/v1/events?"+query+"&after="+after, "")
		if after == "" {
			status, body = s.Do(t, token, "GET", "/api/v1/events?"+query, "")
		}
		var page api.Events
		if err := json.Unmarshal([]byte(body), &page); err != nil || status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		all = append(all, page.Items...)
		if after = page.Next; after == "" {
			return all
		}
		if pages > 1000 {
			t.Fatal("the pages have no end")
		}
	}
}

// TestEvents: everybody reads of the log what concerns them, on pages of any size,
// each event once and in order.
func TestEvents(t *testing.T) {
	s := open(t)
	elsewhere := s.Course(t, s.ctx, "course-v1:B+Else+1")
	bothID, both := s.Person(t, s.ctx, "sue", learning.Assign{Role: trellis.RoleStaff, Course: here}, learning.Assign{Role: trellis.RoleStaff, Course: elsewhere})
	headID, head := s.Person(t, s.ctx, "hal", learning.Assign{Role: trellis.RoleTenantAdmin, Organisation: "A"})
	for n := range 6 { // by turns in two courses
		if _, err := s.Learning.Enroll(s.ctx, learning.Enroll{Person: s.lenaID, Course: []string{here, elsewhere, there}[n%3], Mode: []string{"honor", "verified"}[n/3]}); err != nil {
			t.Fatal(err)
		}
	}
	seen := func(token string, e trellis.Event) bool {
		switch token {
		case s.lena:
			return e.Person == s.lenaID
		case s.staff:
			return e.Course == here || e.Person == s.staffID
		case both:
			return e.Course == here || e.Course == elsewhere || e.Person == bothID
		case head:
			return trellis.OrganisationOf(e.Course) == "A" || e.Person == headID
		}
		return true
	}
	everything := s.Events(t, s.ctx, "")
	for name, token := range map[string]string{"admin": s.admin, "staff": s.staff, "staff of two courses": both, "of an organisation": head, "learner": s.lena} {
		var want []string
		for _, e := range everything {
			if seen(token, e) {
				want = append(want, e.ID)
			}
		}
		if len(want) < 2 {
			t.Fatalf("%s: there is nothing to hear of", name)
		}
		for _, limit := range []string{"1", "2", "3", "200"} {
			var got []string
			for _, e := range s.events(t, token, "limit="+limit) {
				got = append(got, e.ID)
			}
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("%s with limit %s: got %d events, want %d", name, limit, len(got), len(want))
			}
		}
	}
	for _, tt := range []struct {
		name, token, query string
		want               int
	}{
		{"a learner asks for another's", s.lena, "person=" + s.bob, 0},
		{"a learner asks for her own in a course", s.lena, "type=org.openedx.learning.course.enrollment.created.v1&course=" + here, 1},
		{"staff ask for another course", s.staff, "course=" + there, 0},
		{"staff ask for a person in their course", s.staff, "course=" + here + "&person=" + s.bob, 1},
		{"an admin asks for a person's enrolments", s.admin, "type=org.openedx.learning.course.enrollment.created.v1&person=" + s.bob, 2},
	} {
		if got := s.events(t, tt.token, tt.query); len(got) != tt.want {
			t.Errorf("%s: %d events, want %d", tt.name, len(got), tt.want)
		}
	}
	for query, detail := range map[string]string{
		"after=x": "after is a position", "limit=201": "between 1 and 200", "limit=-1": "between 1 and 200", "limit=x": "whole number",
	} {
		if status, body := s.Do(t, s.admin, "GET", "/api/v1/events?"+query, ""); status != 400 || !strings.Contains(body, detail) {
			t.Errorf("%s: %d %s", query, status, body)
		}
	}
}

// TestExports: an export is a file, or a problem; never half of one.
func TestExports(t *testing.T) {
	s := open(t)
	for _, tt := range []struct {
		name, token, format string
		want                int
		kind                string
	}{
		{"a roster", s.admin, "oneroster", 200, "application/zip"},
		{"no such format", s.admin, "nonsense", 404, "application/problem+json"},
		{"a learner", s.lena, "oneroster", 403, "application/problem+json"},
		{"course staff", s.staff, "oneroster", 403, "application/problem+json"},
		{"nobody", "", "oneroster", 401, "application/problem+json"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, header, body := s.send(t, tt.token, "GET", "/api/v1/exports/"+tt.format, nil)
			if status != tt.want || header.Get("Content-Type") != tt.kind {
				t.Errorf("%d %s: %.200s", status, header.Get("Content-Type"), body)
			}
			if tt.want == 200 && (!strings.HasPrefix(body, "PK") || header.Get("Content-Disposition") != `attachment; filename="acme-oneroster.zip"`) {
				t.Errorf("%q, %d bytes", header.Get("Content-Disposition"), len(body))
			}
		})
	}
}

// TestIdempotency: a request that is repeated with its key makes nothing twice and
// gets the first answer; with the same key, another request is another.
func TestIdempotency(t *testing.T) {
	s := open(t)
	const key = "Idempotency-Key: one"
	post := func(path, body string) (int, string) {
		t.Helper()
		status, _, answer := s.send(t, s.admin, "POST", path, strings.NewReader(body), key)
		return status, answer
	}
	_, first := post("/api/v1/users", `{"username":"ina","email":"ina@example.org"}`)
	if status, second := post("/api/v1/users", `{"email":"ina@example.org", "username":"ina"}`); status != 201 || second != first {
		t.Errorf("repeated: %d %s, first %s", status, second, first)
	}
	if status, other := post("/api/v1/users", `{"username":"otto"}`); status != 201 || !strings.Contains(other, "otto") {
		t.Errorf("another person with the same key: %d %s", status, other)
	}
	if n := len(s.events(t, s.admin, "type=org.openedx.learning.student.registration.completed.v1")); n != 4+2 {
		t.Errorf("%d registrations", n)
	}
	if status, body := post("/api/v1/tokens", `{"name":"t"}`); status != 201 {
		t.Errorf("a token: %d %s", status, body)
	}
	if status, body := post("/api/v1/tokens", `{"name":"t"}`); status != 409 || !strings.Contains(body, "made already") {
		t.Errorf("the token again: %d %s", status, body)
	}
	_, job := post("/api/v1/imports/oneroster", "PK")
	_, again := post("/api/v1/imports/oneroster", "PK")
	var a, b struct{ ID string }
	if json.Unmarshal([]byte(job), &a) != nil || json.Unmarshal([]byte(again), &b) != nil || a.ID == "" || a.ID != b.ID {
		t.Errorf("two jobs: %s, %s", job, again)
	}
	for _, other := range [][2]string{{"/api/v1/imports/oneroster", "PK2"}, {"/api/v1/imports/oneroster?dry_run=true", "PK"}} {
		if status, another := post(other[0], other[1]); status != 202 || json.Unmarshal([]byte(another), &b) != nil || a.ID == b.ID {
			t.Errorf("%s of %s is the first job: %d %s", other[0], other[1], status, another)
		}
	}
}

func TestInput(t *testing.T) {
	s := open(t)
	for _, tt := range []struct {
		name, method, path, body string
		want                     int
		detail                   string
	}{
		{"not JSON", "POST", "/api/v1/courses", `{`, 400, "body"},
		{"not an object", "POST", "/api/v1/courses", `[]`, 400, "body"},
		{"two documents", "POST", "/api/v1/courses", `{}{}`, 400, "body"},
		{"an unknown field", "POST", "/api/v1/courses", `{"key":"course-v1:A+B+1","title":"x","colour":"red"}`, 400, "colour"},
		{"a field of another type", "POST", "/api/v1/courses", `{"key":7,"title":"x"}`, 400, ""},
		{"an unknown parameter", "GET", "/api/v1/users?cuorse=x", "", 400, "cuorse"},
		{"a parameter twice", "GET", "/api/v1/users?limit=1&limit=2", "", 400, "more than once"},
		{"no whole number", "GET", "/api/v1/users?limit=1.5", "", 400, "whole number"},
		{"neither true nor false", "GET", "/api/v1/users?active=perhaps", "", 400, "true or false"},
		{"in the body and the query", "POST", "/api/v1/courses?title=y", `{"key":"course-v1:A+B+1","title":"x"}`, 400, "elsewhere"},
		{"in the body and the path", "PATCH", "/api/v1/users/" + s.lenaID, `{"id":"` + s.bob + `","name":"x"}`, 400, "elsewhere"},
		{"in the body and, in other letters, in the path", "PATCH", "/api/v1/users/" + s.lenaID, `{"ID":"` + s.bob + `","name":"x"}`, 400, "twice"},
		{"a key twice", "POST", "/api/v1/courses", `{"key":"course-v1:A+B+1","title":"x","title":"y"}`, 400, "\"title\" stands twice"},
		{"a key twice in other letters", "POST", "/api/v1/courses", `{"key":"course-v1:A+B+1","title":"x","Title":"y"}`, 400, "stands twice"},
		{"a key twice below", "POST", "/api/v1/tokens", `{"name":"x","roles":[{"name":"learner","name":"tenant-admin"}]}`, 400, "\"name\" stands twice"},
		{"an object in the query", "POST", "/api/v1/tokens?roles=x", `{"name":"x"}`, 400, "body"},
		{"a body that is too large", "POST", "/api/v1/courses", `{"key":"` + strings.Repeat("x", 1<<20) + `"}`, 413, "1048576"},
		{"not escaped rightly", "GET", "/api/v1/users?course=%zz", "", 400, "escaped"},
		{"no such thing", "GET", "/api/v1/courses/course-v1:A+None+1", "", 404, "course-v1:A+None+1"},
		{"no such method", "PUT", "/api/v1/courses", `{}`, 405, "Allow"},
		{"no such route", "GET", "/api/v1/nonsense", "", 404, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, header, body := s.send(t, s.admin, tt.method, tt.path, strings.NewReader(tt.body))
			var p struct{ Type, Title, Detail, Instance string }
			if err := json.Unmarshal([]byte(body), &p); err != nil || header.Get("Content-Type") != "application/problem+json" || p.Title == "" || !strings.HasPrefix(p.Instance, "urn:trace:") {
				t.Fatalf("%d %s %s: not a problem", status, header.Get("Content-Type"), body)
			}
			if status != tt.want || !strings.Contains(p.Detail, tt.detail) {
				t.Errorf("%d %s, want %d with %q", status, p.Detail, tt.want, tt.detail)
			}
		})
	}
}

// TestStreamedBodies: the limit of a route holds for a body whose length nobody said.
func TestStreamedBodies(t *testing.T) {
	s := open(t)
	for path, limit := range map[string]int{"/api/v1/courses": 1 << 20, "/api/v1/login": 16 << 10} {
		body := io.MultiReader(strings.NewReader(`{"title":"`), strings.NewReader(strings.Repeat("x", limit)), strings.NewReader(`"}`))
		if status, _, answer := s.send(t, s.admin, "POST", path, body); status != 413 {
			t.Errorf("%s: %d %s", path, status, answer)
		}
	}
}

func TestLogin(t *testing.T) {
	s := open(t)
	if err := s.Learning.SetPassword(s.ctx, s.lenaID, "correct horse"); err != nil {
		t.Fatal(err)
	}
	const right = `{"username":"Lena","password":"correct horse"}`
	for _, tt := range []struct {
		name, path, tenant, body string
		want                     int
		detail                   string
	}{
		{"right", "/api/v1/login", "acme", right, 200, ""},
		{"below the tenant", "/t/acme/api/v1/login", "", right, 200, ""},
		{"a wrong password", "/api/v1/login", "acme", `{"username":"lena","password":"x"}`, 401, "the username or the password is wrong"},
		{"nobody", "/api/v1/login", "acme", `{"username":"nobody","password":"x"}`, 401, "the username or the password is wrong"},
		{"no tenant", "/api/v1/login", "", right, 400, "tenant"},
		{"another tenant", "/api/v1/login", "other", right, 404, ""},
		{"the platform's", "/api/v1/login", "_", right, 401, "wrong"},
		{"an address of her choice", "/api/v1/login", "acme", `{"username":"lena","password":"x","address":"1.2.3.4"}`, 400, "address"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			headers := []string{}
			if tt.tenant != "" {
				headers = append(headers, "Trellis-Tenant: "+tt.tenant)
			}
			status, _, body := s.send(t, "", "POST", tt.path, strings.NewReader(tt.body), headers...)
			if status != tt.want || !strings.Contains(body, tt.detail) {
				t.Fatalf("%d %s", status, body)
			}
			if status != 200 {
				return
			}
			var token learning.NewToken
			if err := json.Unmarshal([]byte(body), &token); err != nil || token.Key == "" {
				t.Fatalf("%s: %v", body, err)
			}
			if status, me := s.Do(t, token.Key, "GET", "/api/v1/me", ""); status != 200 || !strings.Contains(me, s.lenaID) {
				t.Errorf("%d %s", status, me)
			}
		})
	}
	for range 10 {
		s.send(t, "", "POST", "/t/acme/api/v1/login", strings.NewReader(`{"username":"lena","password":"x"}`))
	}
	if status, header, body := s.send(t, "", "POST", "/t/acme/api/v1/login", strings.NewReader(right)); status != 429 || header.Get("Retry-After") == "" {
		t.Errorf("after ten failures: %d %s", status, body)
	}
}

// TestRegister: people make themselves accounts where they may, and say nothing of
// what they are to be.
func TestRegister(t *testing.T) {
	s := open(t)
	operator := app.System(t.Context(), trellis.PlatformTenant)
	if _, err := s.Learning.PutTenant(operator, learning.PutTenant{Name: "open", Title: "Open", Open: true}); err != nil {
		t.Fatal(err)
	}
	const right = `{"username":"eve","password":"correct horse"}`
	for _, tt := range []struct {
		name, path, body string
		headers          []string
		want             int
		detail           string
	}{
		{"closed", "/t/acme/api/v1/register", right, nil, 404, "ask those who run it"},
		{"no tenant", "/api/v1/register", right, nil, 400, "tenant"},
		{"no such tenant", "/t/none/api/v1/register", right, nil, 404, ""},
		{"the platform's", "/t/_/api/v1/register", right, nil, 404, ""},
		{"a form", "/t/open/api/v1/register", right, []string{"Content-Type: text/plain"}, 415, "Content-Type: application/json"},
		{"a role", "/t/open/api/v1/register", `{"username":"eve","password":"correct horse","roles":[{"name":"tenant-admin"}]}`, nil, 400, "roles"},
		{"an ID", "/t/open/api/v1/register", `{"username":"eve","password":"correct horse","id":"` + s.lenaID + `"}`, nil, 400, "id"},
		{"a name twice", "/t/open/api/v1/register", `{"username":"eve","Username":"mallory","password":"correct horse"}`, nil, 400, "twice"},
		{"right", "/t/open/api/v1/register", right, nil, 201, `"username":"eve"`},
		{"once more", "/t/open/api/v1/register", right, nil, 409, "is taken"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, _, body := s.send(t, "", "POST", tt.path, strings.NewReader(tt.body), tt.headers...)
			if status != tt.want || !strings.Contains(body, tt.detail) {
				t.Errorf("%d %s", status, body)
			}
		})
	}
}

// TestBodies: a key that stands twice, and what does not say that it is JSON, are
// refused with what to do.
func TestBodies(t *testing.T) {
	s := open(t)
	for _, tt := range []struct {
		name, body string
		headers    []string
		want       int
		detail     string
	}{
		{"twice", `{"key":"course-v1:A+X+1","title":"a","title":"b"}`, nil, 400, `\"title\" stands twice`},
		{"twice, but for case", `{"key":"course-v1:A+X+1","title":"a","Title":"b"}`, nil, 400, `\"Title\" stands twice`},
		{"twice, written otherwise", `{"key":"course-v1:A+X+1","title":"a","t\u0069tle":"b"}`, nil, 400, `\"title\" stands twice`},
		{"a form", `title=a`, []string{"Content-Type: application/x-www-form-urlencoded"}, 415, "Content-Type: application/json"},
		{"text", `{"key":"course-v1:A+X+1","title":"a"}`, []string{"Content-Type: text/plain"}, 415, "Content-Type: application/json"},
		{"of a charset", `{"key":"course-v1:A+X+1","title":"a"}`, []string{"Content-Type: application/json; charset=utf-8"}, 201, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, _, body := s.send(t, s.admin, "POST", "/api/v1/courses", strings.NewReader(tt.body), tt.headers...)
			if status != tt.want || !strings.Contains(body, tt.detail) {
				t.Errorf("%d %s", status, body)
			}
		})
	}
}

// TestUploadsTakeTurns: while many bundles of a tenant come slowly, one more is told to
// wait, before any of it is read, and another tenant's is taken.
func TestUploadsTakeTurns(t *testing.T) {
	s := open(t)
	b := s.Tenant(t, "b")
	_, other := s.Person(t, b, "ben", learning.Assign{Role: trellis.RoleTenantAdmin})
	for n := range 4 {
		actor := trellis.Actor{Tenant: "acme", ID: fmt.Sprint("admin", n), Kind: trellis.PersonActor, Roles: []trellis.Role{{Name: trellis.RoleTenantAdmin}}}
		done, err := s.Registry.Uploading(trellis.WithActor(s.ctx, actor))
		if err != nil {
			t.Fatal(err)
		}
		defer done()
	}
	for _, path := range []string{"/api/v1/extensions", "/api/v1/extensions/inspect"} {
		if status, header, body := s.send(t, s.admin, "POST", path, strings.NewReader("no zip")); status != 429 || header.Get("Retry-After") != "5" || !strings.Contains(body, "again in a moment") {
			t.Errorf("%s, one too many: %d %s", path, status, body)
		}
		if status, _, body := s.send(t, other, "POST", path, strings.NewReader("no zip")); status == 429 {
			t.Errorf("%s of another tenant: %d %s", path, status, body)
		}
	}
}

// TestUploads: whoever may not, and what is not right, is told before it is kept.
func TestUploads(t *testing.T) {
	s := open(t)
	bundle := string(testkit.Bundle(t, map[string]any{
		"id": "acme.policy", "version": "1.0.0", "abi": 1, "title": "Policy",
		"filters": []any{map[string]any{"on": "org.openedx.learning.course.enrollment.started.v1", "call": "check"}},
	}, testkit.Module(t, "enrollment-policy")))
	for _, tt := range []struct {
		name, token, path, body string
		want                    int
		detail                  string
	}{
		{"a learner inspects", s.lena, "/api/v1/extensions/inspect", bundle, 403, "extensions:write"},
		{"staff inspect for another course", s.staff, "/api/v1/extensions/inspect?course=" + there, bundle, 404, ""},
		{"staff inspect for their course", s.staff, "/api/v1/extensions/inspect?course=" + here, bundle, 200, `"faults":[]`},
		{"what is no bundle is inspected", s.admin, "/api/v1/extensions/inspect", "PK", 200, "not a zip file"},
		{"a learner installs", s.lena, "/api/v1/extensions", bundle, 403, "extensions:write"},
		{"staff install for the tenant", s.staff, "/api/v1/extensions", bundle, 404, ""},
		{"staff install for another course", s.staff, "/api/v1/extensions?course=" + there, bundle, 404, ""},
		{"no bundle", s.admin, "/api/v1/extensions", "PK", 400, "zip"},
		{"a course that is not there", s.admin, "/api/v1/extensions?course=course-v1:A+None+1", bundle, 404, ""},
		{"an unknown parameter", s.admin, "/api/v1/extensions?cuorse=x", bundle, 400, "cuorse"},
		{"staff install for their course", s.staff, "/api/v1/extensions?course=" + here, bundle, 201, `"course":"` + here + `"`},
		{"the tenant's", s.admin, "/api/v1/extensions", bundle, 201, "acme.policy"},
		{"staff install what the tenant has", s.staff, "/api/v1/extensions?course=" + here, bundle, 409, ""},
		{"no such format", s.admin, "/api/v1/imports/nonsense", "PK", 404, "nonsense"},
		{"an option that is none", s.admin, "/api/v1/imports/oneroster?strict=perhaps", "PK", 400, "true or false"},
		{"an unknown option", s.admin, "/api/v1/imports/oneroster?force=true", "PK", 400, "force"},
		{"a learner imports", s.lena, "/api/v1/imports/oneroster", "PK", 403, "imports:write"},
		{"course staff import", s.staff, "/api/v1/imports/oneroster", "PK", 403, "imports:write"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, _, body := s.send(t, tt.token, "POST", tt.path, strings.NewReader(tt.body))
			if status != tt.want || !strings.Contains(body, tt.detail) {
				t.Errorf("%d %s, want %d", status, body, tt.want)
			}
		})
	}
}

// TestWhatOtherSitesCanSend sends what a page of another site can make a browser
// send without asking first.
func TestWhatOtherSitesCanSend(t *testing.T) {
	s := open(t)
	const course = `{"key":"course-v1:A+B+1","title":"x"}`
	for _, typ := range []string{"", "text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"} {
		status, _, body := s.send(t, s.admin, "POST", "/api/v1/courses", strings.NewReader(course), "Content-Type: "+typ)
		if status != 415 || !strings.Contains(body, "Content-Type: application/json") {
			t.Errorf("%q: %d %s", typ, status, body)
		}
	}
	if status, _, _ := s.send(t, "", "POST", "/api/v1/courses", strings.NewReader(course), "Cookie: trellis="+s.admin+"; __Host-trellis="+s.admin); status != 401 {
		t.Errorf("with a session: %d", status)
	}
	if status, _, body := s.send(t, s.admin, "GET", "/api/v1/courses/course-v1:A+B+1", nil); status != 404 {
		t.Errorf("it was made all the same: %d %s", status, body)
	}
}
