package pages_test

import (
	"context"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/internal/testkit"
)

const logic = "course-v1:Demo+Logic+1"

// teaching is a platform with a course and people: staff of it, another's staff, a
// learner, and an admin of the tenant.
func teaching(t *testing.T) *testkit.Platform {
	t.Helper()
	p := testkit.Start(t, app.Config{})
	ctx := p.Tenant(t, "demo")
	p.Course(t, ctx, logic)
	p.Course(t, ctx, "course-v1:Demo+Other+1")
	account(t, p, "demo", "sasha", learning.Assign{Role: trellis.RoleStaff, Course: logic})
	account(t, p, "demo", "otto", learning.Assign{Role: trellis.RoleStaff, Course: "course-v1:Demo+Other+1"})
	account(t, p, "demo", "lena")
	account(t, p, "demo", "alma", learning.Assign{Role: trellis.RoleTenantAdmin})
	return p
}

var ofLogic = "/courses/" + url.PathEscape(logic) + "/extensions"

// TestTeamStory: course staff bring a bundle, read what it will do, fill in its
// settings, enable it, switch it off and take that back, and remove it.
func TestTeamStory(t *testing.T) {
	p := teaching(t)
	b := browse(t, p).signIn("demo", "sasha", password)
	b.get(ofLogic).want(http.StatusOK, "no extension of its own yet", "Drop a bundle here")
	b.submit("Upload", fields{"bundle": late(t, "1.0.0", nil)})
	b.want(http.StatusOK, "Late policy 1.0.0 is installed, and enabled for nobody yet.", "Runs at once.", "Not signed", "Keep notes of its own", "nobody is let through", "Default: 2", "0 to 30.", "In this course only")
	b.submit("Enable", fields{"s.0": "40"}).want(http.StatusBadRequest)
	b.fault("s-0", "Grace days must be 0 to 30.")
	b.submit("Enable", fields{"s.0": "three"}).want(http.StatusBadRequest)
	b.fault("s-0", "Grace days must be a whole number.")
	b.submit("Enable", fields{"s.0": "3", "grant": []string{"kv"}}).want(http.StatusOK, "Late policy is on. Go to the course", "by you", "Works", "Runs without:", "See who the people are", "Grace days 3")
	x, err := p.Registry.Get(app.System(t.Context(), "demo"), "acme.late", extensions.Scope{Course: logic})
	if err != nil || len(x.Enabled) != 1 || string(x.Enabled[0].Settings) != `{"grace_days":3}` || strings.Join(x.Enabled[0].Grants, " ") != "kv" {
		t.Fatalf("enabled with %+v (%v)", x.Enabled, err)
	}

	b.submit("Undo", nil).want(http.StatusOK, "Late policy is off here", "Wanted Off")
	b.submit("Undo", nil).want(http.StatusOK, "Late policy is on again, as it was.", "Grace days 3", "Runs without:")
	b.submit("Switch off", nil).want(http.StatusOK, "Off since", "by you")
	b.submit("Switch on", nil).want(http.StatusOK, "is on again")

	b.follow("Change the settings").want(http.StatusOK, "Default: 2", `'{"grace_days":3}'`, "(optional)")
	b.submit("Save settings", fields{"s.0": "-1"}).want(http.StatusBadRequest)
	b.fault("s-0", "Grace days must be 0 to 30.")
	b.submit("Save settings", fields{"s.0": "5"}).want(http.StatusOK, "The settings of Late policy are saved.", "Grace days 5")
	b.submit("Take them back", nil).want(http.StatusOK, "Grace days 3")

	b.get(ofLogic).want(http.StatusOK, "Late policy", "Works", "1.0.0").lacks("no extension of its own yet")
	b.submit("Upload", fields{"bundle": late(t, "1.0.0", nil)}).want(http.StatusOK, "Here already: this very bundle is version 1.0.0 of Late policy.")
	b.follow("Remove …").want(http.StatusOK, "This cannot be undone", "Its check ends", "Cancel")
	b.submit("Remove Late policy for good", nil).want(http.StatusOK, "Late policy is gone", "no extension of its own yet")
}

// TestTeamVersions: a version that asks for nothing new runs at once and can be
// taken back; one that asks for more waits, shows first what is new, and runs after
// consent; going back shows what changes before it does.
func TestTeamVersions(t *testing.T) {
	p := teaching(t)
	b := browse(t, p).signIn("demo", "sasha", password)
	b.get(ofLogic).submit("Upload", fields{"bundle": late(t, "1.0.0", nil)})
	b.submit("Enable", nil).want(http.StatusOK, "Late policy is on.")
	b.get(ofLogic).submit("Upload", fields{"bundle": late(t, "1.1.0", nil)}).want(http.StatusOK, "Version 1.1.0 of Late policy runs. It asks for nothing new.")
	b.submit("Go back to 1.0.0", nil).want(http.StatusOK, "Version 1.0.0 of Late policy runs again.")

	more := map[string]any{"permissions": []string{"kv", "users:read", "courses:read"}, "events": []any{map[string]any{"on": enrolled, "call": "hear"}},
		"settings": map[string]any{"type": "object", "properties": map[string]any{"grace_days": map[string]any{"type": "integer", "title": "Grace days", "default": 7}, "mail": map[string]any{"type": "string", "format": "email"}}}}
	b.get(ofLogic).submit("Upload", fields{"bundle": late(t, "2.0.0", more)})
	b.want(http.StatusOK, "waits for your consent", "1.0.0 to 2.0.0", "New in this version", "See the courses", "New: Mail", "Grace days: 7 by default, was 2", "Unchanged: 3 rights")
	if text := b.text(); strings.Index(text, "See the courses") > strings.Index(text, "Keep notes of its own") {
		t.Error("what is new does not stand first")
	}
	b.get(ofLogic).want(http.StatusOK, "Needs attention", "Version 2.0.0 of Late policy waits for your consent")
	b.follow("See what is new").submit("Let 2.0.0 run", nil).want(http.StatusOK, "Version 2.0.0 of Late policy runs.", "See the courses")
	b.follow("Go back to 1.0.0").want(http.StatusOK, "No longer: See the courses", "Gone: Mail", "2 by default, was 7")
	b.submit("Go back to 1.0.0", nil).want(http.StatusOK, "Version 1.0.0 of Late policy runs again.")
	b.get(ofLogic+"/acme.late/rollback").want(http.StatusOK, "There is no version to go back to")
}

// TestTeamApproval: what asks for more than course staff may grant waits, says so
// and with whom, and runs when it is approved.
func TestTeamApproval(t *testing.T) {
	p := teaching(t)
	b := browse(t, p).signIn("demo", "sasha", password)
	names := map[string]any{"permissions": []string{"kv", "pii:email"}}
	b.get(ofLogic).submit("Upload", fields{"bundle": late(t, "1.0.0", names)})
	b.want(http.StatusOK, "Waits for approval.", "See people's email addresses", "Needs approval", "Without that it runs at once.")
	b.submit("Enable", nil).want(http.StatusOK, "waits for approval by those who run the school", "Waiting since", "Does nothing yet")
	b.get(ofLogic).want(http.StatusOK, "Needs attention", "waits for approval")
	if _, err := p.Registry.Reject(app.System(t.Context(), "demo"), extensions.Rejecting{ID: "acme.late", Course: logic, Reason: "Addresses are not for this."}); err != nil {
		t.Fatal(err)
	}
	b.get(ofLogic+"/acme.late").want(http.StatusOK, "Not approved. Those who run the school say: Addresses are not for this.")
	b.follow("Look at it again").submit("Enable", fields{"grant": []string{"kv"}}).want(http.StatusOK, "Late policy is on.", "Runs without:")
	b.get(ofLogic + "/acme.late").follow("Change what it may do")
	b.submit("Save", fields{"grant": []string{"kv", "pii:email"}}).want(http.StatusOK, "waits for approval")
	if _, err := p.Registry.Approve(app.System(t.Context(), "demo"), "acme.late", logic); err != nil {
		t.Fatal(err)
	}
	b.get(ofLogic+"/acme.late").want(http.StatusOK, "Works").lacks("Waiting since")
}

// TestTeamVersionBeyond: a version that asks for more than course staff may grant is
// no dead end: they let it run without, and those who run the school find it among
// their approvals and let it run with everything.
func TestTeamVersionBeyond(t *testing.T) {
	p := teaching(t)
	b, alma := browse(t, p).signIn("demo", "sasha", password), browse(t, p).signIn("demo", "alma", password)
	b.get(ofLogic).submit("Upload", fields{"bundle": late(t, "1.0.0", nil)})
	b.submit("Enable", nil).want(http.StatusOK, "Late policy is on.")
	wants := map[string]any{"permissions": []string{"kv", "users:read", "pii:email"}}
	b.get(ofLogic).submit("Upload", fields{"bundle": late(t, "2.0.0", wants)})
	b.want(http.StatusOK, "it asks for more: see people's email addresses", "Needs those who run the school.", "They find it among their approvals", "Those who run the school grant this", "Wait for those who run the school").lacks("pii:email")
	alma.get("/console").want(http.StatusOK, "It asks for more: see people's email addresses.").follow("Read what it asks for : Late policy").want(http.StatusOK, "See people's email addresses")
	b.submit("Let 2.0.0 run without that", nil).want(http.StatusOK, "Version 2.0.0 of Late policy runs.", "Runs without:")

	b.get(ofLogic).submit("Upload", fields{"bundle": late(t, "3.0.0", map[string]any{"permissions": []string{"kv", "users:read", "pii:email", "pii:name"}})})
	alma.get("/console/approvals").want(http.StatusOK, "Version 3.0.0 waits", "See people's names", "Review first Late policy 3.0.0")
	alma.submit("Let 3.0.0 run of Late policy in "+logic, nil).want(http.StatusOK, "Version 3.0.0 of Late policy runs.")
	b.get(ofLogic+"/acme.late").want(http.StatusOK, "Works", "3.0.0", "See people's names")
	alma.get("/console/approvals").want(http.StatusOK, "Nothing waits for approval.")
}

// TestTeamErrors: an extension that fails says so: in the list, by its page, with
// the trace; whoever is of the course's team can try it again.
func TestTeamErrors(t *testing.T) {
	p := teaching(t)
	b := browse(t, p).signIn("demo", "sasha", password)
	b.get(ofLogic).submit("Upload", fields{"bundle": late(t, "1.0.0", nil, map[string]func(*testkit.Code){"check": func(c *testkit.Code) { c.Log("about to fall"); c.Trap() }})})
	b.submit("Enable", nil).want(http.StatusOK, "is on")
	id := account(t, p, "demo", "new")
	ctx := app.System(t.Context(), "demo")
	for range 6 {
		if _, err := p.Learning.Enroll(ctx, learning.Enroll{Person: id, Course: logic}); err == nil {
			t.Fatal("a filter that traps lets people through")
		}
	}
	b.get(ofLogic).want(http.StatusOK, "Left alone until", "failed 5 times", "Needs attention", "failed 5 times in a row at "+enrolling, "trapped", " 5 ")
	alma := browse(t, p).signIn("demo", "alma", password)
	alma.get("/console").want(http.StatusOK, "Left alone", "failed 5 times in a row at "+enrolling, "See what went wrong")
	alma.get("/console/extensions?state=attention").want(http.StatusOK, "Left alone until", "failed 5 times", "Late policy")
	b.get(ofLogic+"/acme.late").want(http.StatusOK, "Works in part", "failed 5 times in a row", "Next try", "5 of 5 calls failed", "Counted on this node since")
	link := b.find("section th a")
	if len(link) != 1 {
		t.Fatalf("%d errors are shown: %s", len(link), b.text())
	}
	b.follow(textOf(link[0])).want(http.StatusOK, "What went wrong", "failed", "about to fall", enrolling)
	b.get(ofLogic+"/acme.late/log?level=error").want(http.StatusOK, "trapped").lacks("info check about to fall")
	b.get(ofLogic+"/acme.late/log").want(http.StatusOK, "about to fall")
	b.get(ofLogic+"/acme.late").submit("Try now filter check "+enrolling, nil).want(http.StatusOK, "The next call of Late policy goes through.")
	if _, err := p.Learning.Enroll(ctx, learning.Enroll{Person: id, Course: logic}); err == nil || strings.Contains(err.Error(), "left alone") {
		t.Errorf("after trying again: %v", err)
	}
	if _, err := p.Registry.Stop(ctx, extensions.Stopping{ID: "acme.late", Course: logic}); err != nil {
		t.Fatal(err)
	}
	b.get(ofLogic+"/acme.late").want(http.StatusOK, "times in a row", "The current one").lacks("Try now")
}

// TestTeamUploads: what cannot be installed says what is wrong, where, and what to
// do; nothing is installed.
func TestTeamUploads(t *testing.T) {
	p := teaching(t)
	b := browse(t, p).signIn("demo", "sasha", password)
	for _, tt := range []struct {
		name   string
		file   file
		status int
		want   []string
	}{
		{"none", file{}, http.StatusBadRequest, []string{"Choose a bundle"}},
		{"empty", file{"x.trellis", nil}, http.StatusBadRequest, []string{"The file is empty."}},
		{"no zip", file{"x.trellis", []byte("hello")}, http.StatusBadRequest, []string{"What is wrong with x.trellis", "the bundle is not a zip file", "Nothing was installed."}},
		{"an unknown hook", late(t, "1.0.0", map[string]any{"filters": []any{map[string]any{"on": enrolling, "call": "chck"}}}), http.StatusBadRequest,
			[]string{"The bundle has a fault", "extension.json: filters[0].call", `did you mean "check"?`}},
		{"a hostile name", file{`"><script>alert(1)</script>.trellis`, []byte("hello")}, http.StatusBadRequest, []string{"script>.trellis"}},
		{"more than the limit", file{"big.trellis", make([]byte, 20<<20)}, http.StatusRequestEntityTooLarge, []string{"21 MB; the limit is 16 MB."}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := browse(t, p).signIn("demo", "sasha", password)
			b.get(ofLogic).submit("Upload", fields{"bundle": tt.file}).want(tt.status, tt.want...)
			if len(b.find("#error-bundle")) != 1 {
				t.Errorf("the field does not say it: %.500s", b.text())
			}
		})
	}
	if list := p.Registry.List(app.System(t.Context(), "demo"), nil); len(list) != 0 {
		t.Errorf("installed: %+v", list)
	}
	b.get(ofLogic).want(http.StatusOK, "no extension of its own yet")
}

// TestTeamConflicts: whoever decides upon something that has changed meanwhile
// decides nothing, and sees both.
func TestTeamConflicts(t *testing.T) {
	p := teaching(t)
	ctx := app.System(t.Context(), "demo")
	one, two := browse(t, p).signIn("demo", "sasha", password), browse(t, p).signIn("demo", "alma", password)
	one.get(ofLogic).submit("Upload", fields{"bundle": late(t, "1.0.0", nil)})
	two.get(ofLogic + "/acme.late/review")
	one.submit("Enable", nil)
	one.get(ofLogic + "/acme.late/settings")
	two.get(ofLogic+"/acme.late/settings").submit("Save settings", fields{"s.0": "9"}).want(http.StatusOK, "saved")
	one.submit("Save settings", fields{"s.0": "4"}).want(http.StatusConflict, "Somebody has changed these settings meanwhile", "Somebody else has set: 9")
	if x, err := p.Registry.Get(ctx, "acme.late", extensions.Scope{Course: logic}); err != nil || string(x.Enabled[0].Settings) != `{"grace_days":9}` {
		t.Errorf("settings %s (%v)", x.Enabled[0].Settings, err)
	}
	one.submit("Save settings", nil).want(http.StatusOK, "saved", "Grace days 4")

	two.get(ofLogic + "/acme.late/review")
	one.get(ofLogic).submit("Upload", fields{"bundle": late(t, "1.0.1", nil)})
	two.submit("Save", nil).want(http.StatusConflict, "Version 1.0.1 of acme.late is here by now", "look again")
}

// TestTeamSchools: the extensions of the whole school stand in the course's list;
// its team may switch them off in the course, and on again as they were, unless
// they are locked; what belongs to the school is not the team's.
func TestTeamSchools(t *testing.T) {
	p := teaching(t)
	ctx := app.System(t.Context(), "demo")
	p.Install(t, ctx, late(t, "1.0.0", map[string]any{"permissions": []string{"pii:email"}, "secrets": []any{map[string]any{"name": "key", "title": "Key of the service"}}}).data, "", map[string]any{"grace_days": 4})
	b := browse(t, p).signIn("demo", "sasha", password)
	b.get(ofLogic).want(http.StatusOK, "Of the whole school", "Late policy")
	b.get(ofLogic+"/acme.late").want(http.StatusOK, "Set for the whole school; this course may decide otherwise.", "Grace days 4").lacks("Errors", "Secrets", "Remove …", "Key of the service")
	b.submit("Switch off", nil).want(http.StatusOK, "is off here")
	b.submit("Undo", nil).want(http.StatusOK, "is on again, as it was.", "Set for the whole school", "Grace days 4")
	b.follow("Change the settings").want(http.StatusOK, "Set for the whole school: 4")
	for _, path := range []string{"/log", "/rollback", "/uninstall", "/errors/0123456789abcdef0123456789abcdef"} {
		b.get(ofLogic+"/acme.late"+path).want(http.StatusForbidden, "those who run it do this")
	}
	b.get("/courses")
	b.post(ofLogic+"/acme.late/uninstall", nil)
	b.post(ofLogic+"/acme.late/secrets", url.Values{"name": {"key"}, "value": {"x"}})
	if _, err := p.Registry.Get(ctx, "acme.late", extensions.Scope{}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Registry.Enable(ctx, extensions.Enable{ID: "acme.late", Grants: []string{}, Locked: true}); err != nil {
		t.Fatal(err)
	}
	b.get(ofLogic).want(http.StatusOK, "Locked by those who run the school")
	b.get(ofLogic+"/acme.late").want(http.StatusOK, "Locked by those who run the school.").lacks("Switch off")
	b.post(ofLogic+"/acme.late/off", nil).want(http.StatusForbidden, "locked by those who run the tenant")
}

// TestTeamSecrets: a secret is set, kept if nothing is entered, removed; and never
// shown.
func TestTeamSecrets(t *testing.T) {
	p := teaching(t)
	b := browse(t, p).signIn("demo", "sasha", password)
	b.get(ofLogic).submit("Upload", fields{"bundle": late(t, "1.0.0", map[string]any{"secrets": []any{map[string]any{"name": "key", "title": "Key of the service"}}})})
	b.want(http.StatusOK, "It wants 1 secret")
	b.submit("Enable", nil).want(http.StatusOK, "Not set yet.")
	b.submit("Save Key of the service", fields{"value": "hush-hush"}).want(http.StatusOK, "Key of the service is set.", "Leave empty to keep.")
	if strings.Contains(b.body, "hush-hush") {
		t.Error("the secret is shown")
	}
	b.submit("Save Key of the service", nil).want(http.StatusOK, "is kept as it is")
	b.submit("Remove Key of the service", nil).want(http.StatusOK, "is removed", "Not set yet.")
}

// TestTeamHostile: titles, descriptions, names of settings and their values with
// markup in them are text, wherever they stand.
func TestTeamHostile(t *testing.T) {
	p := teaching(t)
	b := browse(t, p).signIn("demo", "sasha", password)
	evil := `"><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}` + "\u202e"
	hostile := map[string]any{"title": evil, "description": evil, "homepage": "javascript:alert(1)", "secrets": []any{map[string]any{"name": "key", "title": evil}},
		"settings": map[string]any{"type": "object", "properties": map[string]any{
			evil: map[string]any{"type": "string", "title": evil, "description": evil, "default": evil},
			"a":  map[string]any{"type": "string", "title": evil, "oneOf": []any{map[string]any{"const": evil, "title": evil}}},
			"b":  map[string]any{"type": "integer", "enum": []any{1, 2, 3, 4, 5, 6}, "title": "</select>" + evil},
			"c":  map[string]any{"type": "object", "title": evil, "properties": map[string]any{"__proto__": map[string]any{"type": "string", "maxLength": 5000, "default": "</textarea>" + evil}}},
		}}}
	b.get(ofLogic).submit("Upload", fields{"bundle": late(t, "1.0.0", hostile)}).want(http.StatusOK, "script>alert(1)")
	check := func() {
		t.Helper()
		if n := len(b.find("main script")) + len(b.find("main img[onerror]")) + len(b.find("a[href^=javascript]")); n != 0 {
			t.Errorf("%s: markup of the bundle is in the page", b.at)
		}
	}
	check()
	b.submit("Enable", nil).want(http.StatusOK, "is on.")
	check()
	for _, path := range []string{"", "/review", "/settings", "/log", "/rollback", "/uninstall"} {
		b.get(ofLogic + "/acme.late" + path).want(http.StatusOK)
		check()
	}
	b.get(ofLogic).want(http.StatusOK)
	check()
}

// TestTeamRoles: only the team of the course, and who runs the school, see its
// extensions; others are told who can.
func TestTeamRoles(t *testing.T) {
	p := teaching(t)
	browse(t, p).signIn("demo", "sasha", password).get(ofLogic).submit("Upload", fields{"bundle": late(t, "1.0.0", nil)})
	for _, who := range []string{"lena", "otto"} {
		b := browse(t, p).signIn("demo", who, password)
		for _, path := range []string{"", "/upload", "/acme.late", "/acme.late/review", "/acme.late/settings", "/acme.late/log"} {
			b.get(ofLogic+path).want(http.StatusForbidden, "The team of this course sees its extensions")
		}
		b.get("/courses")
		for _, path := range []string{"/acme.late/enable", "/acme.late/off", "/acme.late/on", "/acme.late/consent", "/acme.late/retry", "/acme.late/settings", "/acme.late/secrets", "/acme.late/rollback", "/acme.late/uninstall"} {
			b.post(ofLogic+path, url.Values{"version": {"1.0.0"}}).want(http.StatusForbidden)
		}
	}
	browse(t, p).signIn("demo", "alma", password).get(ofLogic).want(http.StatusOK, "Late policy", "Drop a bundle here")
}

// TestTeamStopped: an extension that has stopped itself says why and since when, and
// goes on when somebody tries it again; one that those who run the school have
// stopped for everybody does not.
func TestTeamStopped(t *testing.T) {
	p := teaching(t)
	ctx := app.System(t.Context(), "demo")
	b := browse(t, p).signIn("demo", "sasha", password)
	b.get(ofLogic).submit("Upload", fields{"bundle": late(t, "1.0.0", nil)})
	b.submit("Enable", nil)
	if err := p.DB.Write(ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE installations SET state = 'suspended', reason = 'it failed 5 times in a row', suspended = ? WHERE extension = 'acme.late'`, store.Micros(time.Now())); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE registry_version SET value = value + 1 WHERE name = 'extensions'`)
		return err
	})); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the suspension to be known", func() bool {
		x, err := p.Registry.Get(ctx, "acme.late", extensions.Scope{Course: logic})
		return err == nil && x.State == "suspended"
	})
	b.get(ofLogic).want(http.StatusOK, "Needs attention", "Late policy stopped itself: it failed 5 times in a row.", "Suspended")
	b.follow("See what went wrong").want(http.StatusOK, "It stopped itself at", "it failed 5 times in a row", "Suspended since")
	b.want(http.StatusOK, "The current one") // nothing runs
	b.submit("Try now", nil).want(http.StatusOK, "The next call of Late policy goes through.", "Works").lacks("stopped itself", "The current one")
	if _, err := p.Registry.Stop(ctx, extensions.Stopping{ID: "acme.late", Course: logic, Reason: "It spies."}); err != nil {
		t.Fatal(err)
	}
	b.get(ofLogic).want(http.StatusOK, "Late policy is switched off for everybody: It spies.")
	b.get(ofLogic+"/acme.late").want(http.StatusOK, "Those who run the school have switched it off for everybody: It spies.").lacks("Try now")
	b.get(ofLogic+"/acme.late/review").want(http.StatusOK, "Stopped.", "It spies.")
}

// TestTeamConflictsInPages: two extensions that act on one thing in a page are told
// of, on the page of either.
func TestTeamConflictsInPages(t *testing.T) {
	p := teaching(t)
	ctx := app.System(t.Context(), "demo")
	for _, id := range []string{"acme.one", "acme.two"} {
		p.Install(t, ctx, late(t, "1.0.0", map[string]any{"id": id, "title": id, "filters": []any{},
			"slots": []any{map[string]any{"slot": "course.sidebar.v1", "op": "replace", "target": "default", "call": "hear"}}}).data, "", nil)
	}
	b := browse(t, p).signIn("demo", "sasha", password)
	for _, id := range []string{"acme.one", "acme.two"} {
		b.get(ofLogic+"/"+id).want(http.StatusOK, "acme.one replaces", "acme.two replaces", "They apply in this order")
	}
}

// TestConsoleExtension: those who run the school have the same pages, for the whole
// of it: they may lock what they enable.
func TestConsoleExtension(t *testing.T) {
	p := teaching(t)
	b := browse(t, p).signIn("demo", "alma", password)
	names := map[string]any{"permissions": []string{"kv", "pii:email"}}
	b.get("/console/extensions/upload").submit("Upload", fields{"bundle": late(t, "1.0.0", names)})
	b.want(http.StatusOK, "Runs at once.", "In the whole school", "Course staff may switch it off in their course, unless you lock it").lacks("Needs approval")
	b.submit("Enable", fields{"s.0": "3", "locked": true}).want(http.StatusOK, "Late policy is on.", "Grace days 3")
	b.follow("Change the settings").submit("Save settings", fields{"s.0": "31"}).want(http.StatusBadRequest)
	b.fault("s-0", "Grace days must be 0 to 30.")
	b.submit("Save settings", fields{"s.0": "4"}).want(http.StatusOK, "Grace days 4")
	browse(t, p).signIn("demo", "sasha", password).get(ofLogic+"/acme.late/settings").want(http.StatusOK, "Those who run the school have locked these settings").lacks("Save settings")
	b.get("/console/extensions/acme.late").submit("Switch off", nil).want(http.StatusOK, "is off here")
	b.submit("Undo", nil).want(http.StatusOK, "is on again, as it was.")
	if x, err := p.Registry.Get(app.System(t.Context(), "demo"), "acme.late", extensions.Scope{}); err != nil || !x.Enabled[0].Locked || string(x.Enabled[0].Settings) != `{"grace_days":4}` {
		t.Errorf("%+v (%v)", x.Enabled, err)
	}
	browse(t, p).signIn("demo", "sasha", password).get("/console/extensions/acme.late").want(http.StatusForbidden)
}

// TestTeamUploadWithoutLength: an upload that does not say how long it is ends when
// it is too long.
func TestTeamUploadWithoutLength(t *testing.T) {
	p := teaching(t)
	b := browse(t, p).signIn("demo", "sasha", password)
	b.get(ofLogic)
	var read atomic.Int64
	from, to := io.Pipe()
	form, csrf := multipart.NewWriter(to), b.csrf()
	go func() {
		_ = form.WriteField("csrf", csrf)
		part, err := form.CreateFormFile("bundle", "big.trellis")
		for chunk := make([]byte, 64<<10); err == nil && read.Load() < 200<<20; {
			_, err = part.Write(chunk)
			read.Add(int64(len(chunk)))
		}
		_ = to.CloseWithError(err)
	}()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/t/demo"+ofLogic+"/upload", from)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Content-Type": form.FormDataContentType(), "Accept": "text/html", "Origin": p.URL, "Sec-Fetch-Site": "same-origin"} {
		req.Header.Set(name, value)
	}
	res, err := b.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	page, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(string(page), "More than 16 MB; that is the limit.") {
		t.Errorf("%d (%v): %.300s", res.StatusCode, err, page)
	}
	if n := read.Load(); n > 64<<20 {
		t.Errorf("%d bytes were taken of what has 16 MB at most", n)
	}
}
