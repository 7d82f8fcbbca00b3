package app_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster/rostertest"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// theirs is the extension of the victim.
const theirs = "trellis-demo.welcome-c"

// victim is a tenant that has some of everything, under names that are its own.
type victim struct {
	ctx                                                    context.Context
	course, person, token, job, letter, trace, zip2, event string
	installation                                           string
}

// request is one that names what is the victim's. Its owner gets the status:
// without that, a request that fails for another reason would prove nothing.
type request struct {
	name, method, path, body string
	status                   int
	own                      bool // the other tenant gets one of its own by that name
}

func newVictim(t *testing.T, p *testkit.Platform) victim {
	t.Helper()
	v := victim{ctx: p.Tenant(t, "b"), course: "course-v1:B+Secret+1"}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := p.Learning.PutOrganisation(v.ctx, learning.Organisation{Key: "SecretOrg", Title: "Secret"})
	must(err)
	p.Course(t, v.ctx, v.course)
	v.person, _ = p.Person(t, v.ctx, "bea", learning.Assign{Role: trellis.RoleStaff, Course: v.course})
	_, err = p.Learning.Enroll(v.ctx, learning.Enroll{Person: v.person, Course: v.course})
	must(err)
	_, err = p.Learning.SetGrade(v.ctx, learning.SetGrade{Person: v.person, Course: v.course, Earned: 1, Possible: 2})
	must(err)
	_, err = p.Learning.SetCompletion(v.ctx, learning.SetCompletion{Person: v.person, Course: v.course, Block: "Secret", Value: .5})
	must(err)
	token, err := p.Learning.CreateToken(v.ctx, learning.CreateToken{Person: v.person, Name: "Secret"})
	must(err)
	v.token = token.ID

	bundle := func(version string, permissions ...string) []byte {
		return testkit.Bundle(t, map[string]any{"id": theirs, "version": version, "abi": 1, "title": "Secret", "permissions": permissions,
			"settings": map[string]any{"type": "object", "properties": map[string]any{"n": map[string]any{"type": "integer"}}},
			"secrets":  []any{map[string]any{"name": "password", "title": "Password"}},
			"events":   []any{map[string]any{"on": enrollment + "created.v1", "call": "welcome"}}}, testkit.Module(t, "welcome"))
	}
	p.Install(t, v.ctx, bundle("1.0.0", "kv", "users:read", "events:emit"), "", nil)
	p.Install(t, v.ctx, bundle("1.0.1", "kv", "users:read", "events:emit"), "", nil) // to roll back from
	_, err = p.Registry.Install(v.ctx, bundle("1.1.0", "kv", "users:read", "events:emit", "grades:read"), extensions.Scope{})
	must(err)
	v.zip2 = string(bundle("1.2.0", "kv"))
	staff := trellis.WithActor(v.ctx, trellis.Actor{Tenant: "b", ID: v.person, Kind: trellis.PersonActor, Roles: []trellis.Role{{Name: trellis.RoleStaff, Course: v.course}}})
	for _, id := range []string{"bea.own", "bea.other"} {
		_, err = p.Registry.Install(staff, testkit.Bundle(t, map[string]any{"id": id, "version": "1.0.0", "abi": 1, "title": "Secret", "permissions": []string{"pii:name"},
			"events": []any{map[string]any{"on": enrollment + "changed.v1", "call": "welcome"}}}, testkit.Module(t, "welcome")), extensions.Scope{Course: v.course})
		must(err)
		_, err = p.Registry.Enable(staff, extensions.Enable{ID: id, Course: v.course, Grants: []string{"*"}})
		must(err)
	}
	var roster bytes.Buffer
	_, err = rostertest.Generate(&roster, rostertest.Config{Seed: 1, Schools: 1, Rows: 50})
	must(err)
	job, err := p.Imports.Upload(v.ctx, "oneroster", &roster, nil)
	must(err)
	_, err = p.Jobs.Wait(v.ctx, job.ID)
	must(err)
	v.job = job.ID
	testkit.Eventually(t, "the upload to go with its job", func() bool {
		var left int
		must(p.DB.Read(v.ctx, func(tx *store.Tx) error {
			return tx.QueryRow(v.ctx, `SELECT COUNT(*) FROM uploads WHERE tenant = 'b'`).Scan(&left)
		}))
		return left == 0
	})

	// An event that has come too far is put aside for a person to look at.
	e := trellis.NewEvent(v.ctx, enrollment+"created.v1", "Secret", v.person, v.course, []byte(`{}`))
	e.Hops = 9
	must(p.DB.Write(v.ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error { return tx.Emit(ctx, e) })))
	testkit.Eventually(t, "the dead letter", func() bool {
		list, err := p.Ledger.List(v.ctx, deliveryQuery())
		if err == nil && len(list.Items) == 1 && list.Items[0].State == "dead" {
			v.letter = list.Items[0].ID
		}
		return v.letter != ""
	})
	events := p.Events(t, v.ctx, enrollment+"created.v1")
	testkit.Eventually(t, "a welcome for all but who came before it and the dead letter", func() bool {
		list, err := p.Ledger.List(v.ctx, deliveryQuery())
		return err == nil && len(list.Items) == 1 && len(p.Events(t, v.ctx, theirs+".greeted")) == len(events)-2
	})
	v.trace, v.event = events[0].Trace, events[0].ID
	must(p.DB.Read(v.ctx, func(tx *store.Tx) error {
		return tx.QueryRow(v.ctx, `SELECT id FROM installations WHERE tenant = 'b' AND extension = '`+theirs+`'`).Scan(&v.installation)
	}))
	return v
}

// requests are one or more for every route, in an order in which the owner can
// make them all.
func (v victim) requests(t *testing.T) []request {
	t.Helper()
	key, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	public := base64.StdEncoding.EncodeToString(key)
	course, person := `"course":"`+v.course+`"`, `"person":"`+v.person+`"`
	of := "/api/v1/"
	x := of + "extensions/" + theirs
	at := "?course=" + url.QueryEscape(v.course)
	who := "person=" + v.person
	return []request{
		{"users.me", "GET", of + "me", "", 200, false},
		{"users.get", "GET", of + "users/" + v.person, "", 200, false},
		{"users.list", "GET", of + "users", "", 200, false},
		{"users.list", "GET", of + "users" + at, "", 200, false},
		{"courses.list", "GET", of + "courses?organisation=SecretOrg", "", 200, false},
		{"courses.get", "GET", of + "courses/" + v.course, "", 200, false},
		{"courses.people", "GET", of + "courses/" + v.course + "/people", "", 200, false},
		{"courses.seats", "GET", of + "courses/" + v.course + "/seats", "", 200, false},
		{"organisations.list", "GET", of + "organisations", "", 200, false},
		{"roles.list", "GET", of + "roles?" + who, "", 200, false},
		{"tokens.list", "GET", of + "tokens", "", 200, false},
		{"enrollments.list", "GET", of + "enrollments" + at, "", 200, false},
		{"enrollments.get", "GET", of + "enrollments/" + v.course + "?" + who, "", 200, false},
		{"grades.list", "GET", of + "grades" + at, "", 200, false},
		{"grades.get", "GET", of + "grades/" + v.course + "?" + who, "", 200, false},
		{"completions.get", "GET", of + "completions/" + v.course + "?" + who, "", 200, false},
		{"catalogue.list", "GET", of + "catalogue", "", 200, false},
		{"audit.list", "GET", of + "audit", "", 200, false},
		{"events.list", "GET", of + "events?" + who, "", 200, false},
		{"events.get", "GET", of + "events/" + v.event, "", 200, false},
		{"events.list", "GET", of + "events?newest=true&trace=" + v.trace, "", 200, false},
		{"traces.get", "GET", of + "traces/" + v.trace, "", 200, false},
		{"tenants.numbers", "GET", of + "tenant/numbers", "", 200, true},
		{"tenants.get", "GET", of + "tenant", "", 200, false},
		{"tenants.list", "GET", of + "tenants", "", 200, false},
		{"keys.list", "GET", of + "keys", "", 200, false},
		{"work.list", "GET", of + "jobs", "", 200, false},
		{"work.get", "GET", of + "jobs/" + v.job, "", 200, false},
		{"exports.get", "GET", of + "exports/oneroster", "", 200, false},
		{"deliveries.list", "GET", of + "deliveries", "", 200, false},
		{"deliveries.causes", "GET", of + "deliveries/causes", "", 200, false},
		{"deliveries.standing", "GET", of + "deliveries/standing", "", 200, false},
		{"deliveries.batches", "GET", of + "deliveries/batches", "", 200, false},
		{"deliveries.get", "GET", of + "deliveries/" + v.letter, "", 200, false},
		{"extensions.list", "GET", of + "extensions", "", 200, false},
		{"extensions.get", "GET", x, "", 200, false},
		{"extensions.get_self_service", "GET", of + "self-service", "", 200, false},
		{"extensions.logs", "GET", x + "/logs", "", 200, false},
		{"slots.list", "GET", of + "slots" + at, "", 200, false},
		{"extensions.detail", "GET", x + "/detail", "", 200, false},
		{"extensions.usage", "GET", x + "/usage", "", 200, false},
		{"extensions.errors", "GET", x + "/errors", "", 200, false},
		{"extensions.trace", "GET", x + "/traces/" + v.trace, "", 200, false},
		{"extensions.inspect", "POST", of + "extensions/inspect" + at, "not a zip", 200, false},
		{"openapi", "GET", "/api/openapi.json", "", 200, false},
		{"schemas.extension", "GET", "/api/schemas/extension-1.json", "", 200, false},

		{"users.update", "PATCH", of + "users/" + v.person, `{"name":"X"}`, 200, false},
		{"users.set_password", "PUT", of + "users/" + v.person + "/password", `{"password":"correct horse"}`, 200, false},
		{"users.change_password", "PUT", of + "me/password", `{"current":"wrong","password":"correct horse"}`, 403, false}, // her own, whose password is another
		{"users.end_sessions", "DELETE", of + "me/sessions", "", 200, true},
		{"users.create", "POST", of + "users", `{"username":"new"}`, 201, false},
		{"tenants.put", "PUT", of + "tenants/b", `{"title":"X"}`, 200, false},
		{"tenants.brand", "PUT", of + "tenant/brand", `{"accent":"#ff0000"}`, 200, false},
		{"organisations.put", "PUT", of + "organisations/SecretOrg", `{"title":"X"}`, 200, true},
		{"courses.create", "POST", of + "courses", `{"key":"course-v1:B+New+1","title":"x"}`, 201, false},
		{"courses.update", "PATCH", of + "courses/" + v.course, `{"title":"X"}`, 200, false},
		{"roles.assign", "POST", of + "roles", `{` + person + `,"role":"staff",` + course + `}`, 200, false},
		{"roles.remove", "DELETE", of + "roles" + at + "&role=staff&" + who, "", 200, false},
		{"tokens.create", "POST", of + "tokens", `{"name":"t",` + person + `}`, 201, false},
		{"enrollments.create", "POST", of + "enrollments", `{` + course + `,` + person + `}`, 201, false},
		{"enrollments.update", "PATCH", of + "enrollments/" + v.course, `{` + person + `,"mode":"honor"}`, 200, false},
		{"enrollments.delete", "DELETE", of + "enrollments/" + v.course + "?" + who, "", 200, false},
		{"grades.set", "PUT", of + "grades", `{` + course + `,` + person + `,"earned":1,"possible":1}`, 200, false},
		{"completions.set", "PUT", of + "completions", `{` + course + `,` + person + `,"block":"x","completion":1}`, 200, false},
		{"imports.create", "POST", of + "imports/oneroster", "not a zip", 400, false},
		{"imports.run", "POST", of + "imports/" + v.job + "/run", `{}`, 409, false},     // it was no check
		{"imports.check", "POST", of + "imports/" + v.job + "/check", `{}`, 409, false}, // it came to its end
		{"work.cancel", "POST", of + "jobs/" + v.job + "/cancel", `{}`, 409, false},     // it is over
		{"work.retry", "POST", of + "jobs/" + v.job + "/retry", `{}`, 409, false},
		{"deliveries.discard_all", "POST", of + "deliveries/discard", `{"subscriber":"none","type":"none","error":"none"}`, 200, true},
		{"deliveries.restore", "POST", of + "deliveries/restore", `{"batch":"` + v.letter + `"}`, 404, false}, // it was not dropped by itself
		{"deliveries.retry_all", "POST", of + "deliveries/retry", `{"subscriber":"none","type":"none","error":"none"}`, 200, true},
		{"deliveries.cancel", "POST", of + "deliveries/cancel", `{"batch":"` + v.letter + `"}`, 404, false}, // it was not sent again with others
		{"deliveries.retry", "POST", of + "deliveries/" + v.letter + "/retry", `{}`, 200, false},
		{"deliveries.discard", "DELETE", of + "deliveries/" + v.letter, "", 409, false}, // it is tried again
		{"keys.trust", "PUT", of + "keys/beacorp", `{"key":"` + public + `"}`, 200, false},
		{"keys.distrust", "DELETE", of + "keys/beacorp", "", 200, false},
		{"extensions.set_self_service", "PUT", of + "self-service", `{"permissions":["kv"]}`, 200, true},
		{"extensions.install", "POST", of + "extensions", v.zip2, 201, true},
		{"extensions.configure", "PUT", x + "/settings", `{"settings":{"n":1}}`, 200, false},
		{"extensions.follow", "POST", x + "/follow", `{` + course + `}`, 200, true},
		{"extensions.retry", "POST", x + "/retry", `{}`, 200, true},
		{"extensions.set_secret", "PUT", x + "/secrets/password", `{"value":"x"}`, 200, false},
		{"extensions.run", "POST", x + "/run", `{"name":"x"}`, 404, false}, // it has no schedule
		{"extensions.consent", "POST", x + "/consent", `{"grants":[]}`, 409, false},
		{"extensions.rollback", "POST", x + "/rollback", `{}`, 200, false},
		{"extensions.stop", "POST", x + "/stop", `{}`, 200, true},
		{"extensions.resume", "POST", x + "/resume", `{}`, 200, true},
		{"extensions.disable", "POST", x + "/disable", `{}`, 200, true},
		{"extensions.enable", "POST", x + "/enable", `{"grants":[]}`, 200, true},
		{"extensions.approve", "POST", of + "extensions/bea.own/approve", `{` + course + `}`, 200, false},
		{"extensions.reject", "POST", of + "extensions/bea.other/reject", `{` + course + `}`, 200, false},
		{"extensions.uninstall", "DELETE", x, "", 200, false},
		{"tokens.revoke", "DELETE", of + "tokens/" + v.token, "", 200, false},
		{"users.erase", "DELETE", of + "users/" + v.person, "", 200, false},
	}
}

// TestForeignTenant makes every request that names what is of one tenant with a
// token of another: nothing is read and nothing changes. Then its owner makes
// them, which shows that they are such as would have done so.
func TestForeignTenant(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	v := newVictim(t, p)
	a := p.Tenant(t, "a")
	_, token := p.Person(t, a, "ann", learning.Assign{Role: trellis.RoleTenantAdmin})
	requests := v.requests(t)
	for _, r := range p.Web.Routes() {
		// Streams have their own test, and what is public says nothing of a tenant.
		// Pages are walked through, by each role, in their own package.
		exempt := []string{"stream.sse", "slots.live", "brand.get", "login", "users.register", "health", "ready", "metrics"}
		page := strings.HasPrefix(r.Name, "pages.") || strings.HasPrefix(r.Name, "static.")
		if !page && !slices.Contains(exempt, r.Name) && !slices.ContainsFunc(requests, func(q request) bool { return q.name == r.Name }) {
			t.Errorf("the route %s %s (%s) has no case here", r.Method, r.Path, r.Name)
		}
	}
	before := rested(t, p, "b")
	for _, q := range requests {
		status, answer := p.Do(t, token, q.method, q.path, q.body)
		if status < 400 && !q.own && v.tells(answer) {
			t.Errorf("%s: %s %s answered %d %.300s", q.name, q.method, q.path, status, answer)
		}
		if status, answer := p.Do(t, token, q.method, "/t/b"+q.path, q.body); status != 404 {
			t.Errorf("%s below /t/b: %d %.300s", q.name, status, answer)
		}
		for _, tenant := range []string{"b", trellis.PlatformTenant} {
			if status := named(t, p, token, tenant, q); status != 404 {
				t.Errorf("%s in tenant %s by its header: %d", q.name, tenant, status)
			}
		}
		if changed := changes(before, fingerprint(t, p, "b")); len(changed) > 0 {
			t.Fatalf("%s: %v of tenant b have changed", q.name, changed)
		}
	}
	if status, answer := p.Do(t, token, "GET", "/t/b/stream/sse", ""); status != 404 {
		t.Errorf("the stream of tenant b: %d %.300s", status, answer)
	}
	operator := p.Operator(t)
	for _, q := range requests {
		if status, answer := p.Do(t, operator, q.method, "/t/b"+q.path, q.body); status != q.status {
			t.Errorf("%s: %s %s by its owner: %d, want %d: %.300s", q.name, q.method, q.path, status, q.status, answer)
		}
	}
	if changed := changes(before, fingerprint(t, p, "b")); len(changed) < 10 {
		t.Errorf("the owner changed only %v: the fingerprint says little", changed)
	}
}

// tells reports whether an answer has something of the victim's.
func (v victim) tells(answer string) bool {
	for _, s := range []string{v.person, v.token, v.job, v.letter, v.installation, "Secret", theirs, "Bea", "bea.own"} {
		if strings.Contains(answer, s) {
			return true
		}
	}
	return false
}

// named makes a request that names its tenant by a header.
func named(t *testing.T, p *testkit.Platform, token, tenant string, q request) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), q.method, p.URL+q.path, strings.NewReader(q.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Trellis-Tenant", tenant)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// TestForeignExtension calls every operation of the guest door for an extension
// of one tenant that was granted everything, with another tenant's names, its
// installation's even: nothing is read and nothing changes.
func TestForeignExtension(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	v := newVictim(t, p)
	a := p.Tenant(t, "a")
	course, person := `"course":"`+v.course+`"`, `"person":"`+v.person+`"`
	cases := map[string]string{
		"completions.get": `{` + course + `,` + person + `}`, "completions.set": `{` + course + `,` + person + `,"block":"x","completion":1}`,
		"config.get": `{}`, "courses.get": `{` + course + `}`, "courses.list": `{}`,
		"enrollments.create": `{` + course + `,` + person + `}`, "enrollments.get": `{` + course + `,` + person + `}`, "enrollments.list": `{` + course + `}`,
		"enrollments.update": `{` + course + `,` + person + `,"mode":"honor"}`, "events.emit": `{"type":"trellis-demo.welcome-c.x",` + course + `,` + person + `,"data":{}}`,
		"grades.get": `{` + course + `,` + person + `}`, "grades.list": `{` + course + `}`, "grades.set": `{` + course + `,` + person + `,"earned":1,"possible":1}`,
		"http.fetch": `{"url":"http://127.0.0.1:1/"}`, "jobs.enqueue": `{"name":"x",` + course + `}`,
		"kv.delete": `{"key":"welcomed"}`, "kv.get": `{"key":"welcomed"}`, "kv.list": `{}`, "kv.set": `{"key":"welcomed","value":"x"}`,
		"log.write": `{"level":"info","message":"x"}`, "secrets.get": `{"name":"password"}`, "users.get": `{"id":"` + v.person + `"}`,
	}
	if err := p.Registry.SetSecret(v.ctx, extensions.SecretInput{ID: theirs, Name: "password", Value: "Secret"}); err != nil {
		t.Fatal(err)
	}
	before := rested(t, p, "b")
	for _, o := range p.API.Operations() {
		spec := o.Spec()
		if !spec.Doors.Guest {
			continue
		}
		in, ok := cases[spec.Name]
		if !ok {
			t.Errorf("the operation %s has no case here", spec.Name)
			continue
		}
		var grants []hostapi.Grant
		for _, permission := range hostapi.Permissions() {
			grants = append(grants, hostapi.Grant{Permission: permission.Name})
		}
		ctx := trellis.WithActor(a, trellis.Actor{Tenant: "a", ID: v.installation, Kind: trellis.ExtensionActor})
		ctx = hostapi.WithCaller(ctx, hostapi.Caller{Installation: v.installation, Extension: theirs, Hook: "x", Grants: grants})
		out, err := p.API.Call(ctx, spec.Name, []byte(in))
		if err == nil && v.tells(string(out)) {
			t.Errorf("%s answered %.300s", spec.Name, out)
		}
		if changed := changes(before, fingerprint(t, p, "b")); len(changed) > 0 {
			t.Fatalf("%s: %v of tenant b have changed", spec.Name, changed)
		}
	}
}

// rested waits until nothing goes on any more, and returns the fingerprint of a
// tenant: its extension hears of what has happened while others go on.
func rested(t *testing.T, p *testkit.Platform, tenant string) map[string]string {
	t.Helper()
	p.Rest(t)
	if _, err := p.Registry.Logs(app.System(t.Context(), tenant), extensions.LogQuery{ID: theirs}); err != nil { // writes what extensions have said
		t.Fatal(err)
	}
	return fingerprint(t, p, tenant)
}

// fingerprint is a hash of the rows that a tenant has in each table, but for when
// its tokens were last used.
func fingerprint(t *testing.T, p *testkit.Platform, tenant string) map[string]string {
	t.Helper()
	sums := map[string]string{}
	err := p.DB.Read(t.Context(), func(tx *store.Tx) error {
		tables, err := column(t.Context(), tx, `SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c ON c.name = 'tenant' WHERE m.type = 'table'`)
		if err != nil {
			return err
		}
		for _, table := range tables {
			fields, err := column(t.Context(), tx, `SELECT 'quote(' || name || ')' FROM pragma_table_info(?) WHERE name <> 'last_used'`, table)
			if err != nil {
				return err
			}
			rows, err := column(t.Context(), tx, `SELECT `+strings.Join(fields, " || ',' || ")+` FROM `+table+` WHERE tenant = ? ORDER BY 1`, tenant)
			if err != nil {
				return err
			}
			if len(rows) > 0 {
				sum := sha256.Sum256([]byte(strings.Join(rows, "\n")))
				sums[table] = hex.EncodeToString(sum[:])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(sums) < 10 {
		t.Fatalf("tenant %s has rows in %d tables only", tenant, len(sums))
	}
	return sums
}

// changes returns the tables that differ.
func changes(before, after map[string]string) []string {
	var changed []string
	for table, sum := range after {
		if before[table] != sum {
			changed = append(changed, table)
		}
	}
	for table := range before {
		if _, ok := after[table]; !ok {
			changed = append(changed, table)
		}
	}
	slices.Sort(changed)
	return changed
}

func column(ctx context.Context, tx *store.Tx, query string, args ...any) ([]string, error) {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var values []string
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, rows.Err()
}
