package team_test

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
	"github.com/trellis-learning/trellis/internal/pages/pagestest"
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
	pagestest.Account(t, p, "demo", "sasha", learning.Assign{Role: trellis.RoleStaff, Course: logic})
	pagestest.Account(t, p, "demo", "otto", learning.Assign{Role: trellis.RoleStaff, Course: "course-v1:Demo+Other+1"})
	pagestest.Account(t, p, "demo", "lena")
	pagestest.Account(t, p, "demo", "alma", learning.Assign{Role: trellis.RoleTenantAdmin})
	return p
}

var ofLogic = "/courses/" + url.PathEscape(logic) + "/extensions"

// TestTeamStory: course staff bring a bundle, read what it will do, fill in its
// settings, enable it, switch it off and take that back, and remove it.
func TestTeamStory(t *testing.T) {
	p := teaching(t)
	b := pagestest.Browse(t, p).SignIn("demo", "sasha", pagestest.Password)
	b.Get(ofLogic).Want(http.StatusOK, "no extension of its own yet", "Drop a bundle here")
	b.Submit("Upload", pagestest.Fields{"bundle": pagestest.Late(t, "1.0.0", nil)})
	b.Want(http.StatusOK, "Late policy 1.0.0 is installed, and enabled for nobody yet.", "Runs at once.", "Not signed", "Keep notes of its own", "nobody is let through", "Default: 2", "0 to 30.", "In this course only")
	b.Submit("Enable", pagestest.Fields{"s.0": "40"}).Want(http.StatusBadRequest)
	b.Fault("s-0", "Grace days must be 0 to 30.")
	b.Submit("Enable", pagestest.Fields{"s.0": "three"}).Want(http.StatusBadRequest)
	b.Fault("s-0", "Grace days must be a whole number.")
	b.Submit("Enable", pagestest.Fields{"s.0": "3", "grant": []string{"kv"}}).Want(http.StatusOK, "Late policy is on. Go to the course", "by you", "Works", "What it may not do", "See who the people are", "Grace days 3")
	x, err := p.Registry.Get(app.System(t.Context(), "demo"), "acme.late", extensions.Scope{Course: logic})
	if err != nil || len(x.Enabled) != 1 || string(x.Enabled[0].Settings) != `{"grace_days":3}` || strings.Join(x.Enabled[0].Grants, " ") != "kv" {
		t.Fatalf("enabled with %+v (%v)", x.Enabled, err)
	}

	b.Submit("Undo", nil).Want(http.StatusOK, "Late policy is off here", "State Off")
	b.Submit("Undo", nil).Want(http.StatusOK, "Late policy is on again, as it was.", "Grace days 3", "What it may not do")
	b.Submit("Switch off", nil).Want(http.StatusOK, "Switched off", "by you")
	b.Submit("Switch on", nil).Want(http.StatusOK, "is on again")

	b.Follow("Change the settings").Want(http.StatusOK, "Default: 2", `'{"grace_days":3}'`, "(optional)")
	b.Submit("Save settings", pagestest.Fields{"s.0": "-1"}).Want(http.StatusBadRequest)
	b.Fault("s-0", "Grace days must be 0 to 30.")
	b.Submit("Save settings", pagestest.Fields{"s.0": "5"}).Want(http.StatusOK, "The settings of Late policy are saved.", "Grace days 5")
	b.Submit("Take them back", nil).Want(http.StatusOK, "Grace days 3")

	b.Get(ofLogic).Want(http.StatusOK, "Late policy", "Works", "1.0.0").Lacks("no extension of its own yet")
	b.Submit("Upload", pagestest.Fields{"bundle": pagestest.Late(t, "1.0.0", nil)}).Want(http.StatusOK, "Here already: this very bundle is version 1.0.0 of Late policy.")
	b.Follow("Remove …").Want(http.StatusOK, "This cannot be undone", "Its check ends", "Cancel")
	b.Submit("Remove Late policy for good", nil).Want(http.StatusOK, "Late policy is gone", "no extension of its own yet")
}

// TestTeamVersions: a version that asks for nothing new runs at once and can be
// taken back; one that asks for more waits, shows first what is new, and runs after
// consent; going back shows what changes before it does.
func TestTeamVersions(t *testing.T) {
	p := teaching(t)
	b := pagestest.Browse(t, p).SignIn("demo", "sasha", pagestest.Password)
	b.Get(ofLogic).Submit("Upload", pagestest.Fields{"bundle": pagestest.Late(t, "1.0.0", nil)})
	b.Submit("Enable", nil).Want(http.StatusOK, "Late policy is on.")
	b.Get(ofLogic).Submit("Upload", pagestest.Fields{"bundle": pagestest.Late(t, "1.1.0", nil)}).Want(http.StatusOK, "Version 1.1.0 of Late policy runs. It asks for nothing new.")
	b.Submit("Go back to 1.0.0", nil).Want(http.StatusOK, "Version 1.0.0 of Late policy runs again.")

	more := map[string]any{"permissions": []string{"kv", "users:read", "courses:read"}, "events": []any{map[string]any{"on": pagestest.Enrolled, "call": "hear"}},
		"settings": map[string]any{"type": "object", "properties": map[string]any{"grace_days": map[string]any{"type": "integer", "title": "Grace days", "default": 7}, "mail": map[string]any{"type": "string", "format": "email"}}}}
	b.Get(ofLogic).Submit("Upload", pagestest.Fields{"bundle": pagestest.Late(t, "2.0.0", more)})
	b.Want(http.StatusOK, "waits for your consent", "1.0.0 to 2.0.0", "New in this version", "See the courses", "New: Mail", "Grace days: 7 by default, was 2", "Unchanged: 3 rights")
	if text := b.Text(); strings.Index(text, "See the courses") > strings.Index(text, "Keep notes of its own") {
		t.Error("what is new does not stand first")
	}
	b.Get(ofLogic).Want(http.StatusOK, "Needs attention", "Version 2.0.0 of Late policy waits for your consent")
	b.Follow("See what is new").Submit("Let 2.0.0 run", nil).Want(http.StatusOK, "Version 2.0.0 of Late policy runs.", "See the courses")
	b.Follow("Go back to 1.0.0").Want(http.StatusOK, "No longer: See the courses", "Gone: Mail", "2 by default, was 7")
	b.Submit("Go back to 1.0.0", nil).Want(http.StatusOK, "Version 1.0.0 of Late policy runs again.")
	b.Get(ofLogic+"/acme.late/rollback").Want(http.StatusOK, "There is no version to go back to")
}

// TestTeamApproval: what asks for more than course staff may grant waits, says so
// and with whom, and runs when it is approved.
func TestTeamApproval(t *testing.T) {
	p := teaching(t)
	b := pagestest.Browse(t, p).SignIn("demo", "sasha", pagestest.Password)
	names := map[string]any{"permissions": []string{"kv", "pii:email"}}
	b.Get(ofLogic).Submit("Upload", pagestest.Fields{"bundle": pagestest.Late(t, "1.0.0", names)})
	b.Want(http.StatusOK, "Waits for approval.", "See people's email addresses", "Needs approval", "Without that it runs at once.")
	b.Submit("Enable", nil).Want(http.StatusOK, "waits for approval by those who run the school", "Waiting since", "State Waits for approval")
	b.Get(ofLogic).Want(http.StatusOK, "Needs attention", "waits for approval")
	if _, err := p.Registry.Reject(app.System(t.Context(), "demo"), extensions.Rejecting{ID: "acme.late", Course: logic, Reason: "Addresses are not for this."}); err != nil {
		t.Fatal(err)
	}
	b.Get(ofLogic+"/acme.late").Want(http.StatusOK, "Not approved. Those who run the school say: Addresses are not for this.")
	b.Follow("Look at it again").Submit("Enable", pagestest.Fields{"grant": []string{"kv"}}).Want(http.StatusOK, "Late policy is on.", "What it may not do")
	b.Get(ofLogic + "/acme.late").Follow("Change what it may do")
	b.Submit("Save", pagestest.Fields{"grant": []string{"kv", "pii:email"}}).Want(http.StatusOK, "waits for approval")
	if _, err := p.Registry.Approve(app.System(t.Context(), "demo"), "acme.late", logic); err != nil {
		t.Fatal(err)
	}
	b.Get(ofLogic+"/acme.late").Want(http.StatusOK, "Works").Lacks("Waiting since")
}

// TestTeamVersionBeyond: a version that asks for more than course staff may grant is
// no dead end: they let it run without, and those who run the school find it among
// their approvals and let it run with everything.
func TestTeamVersionBeyond(t *testing.T) {
	p := teaching(t)
	b, alma := pagestest.Browse(t, p).SignIn("demo", "sasha", pagestest.Password), pagestest.Browse(t, p).SignIn("demo", "alma", pagestest.Password)
	b.Get(ofLogic).Submit("Upload", pagestest.Fields{"bundle": pagestest.Late(t, "1.0.0", nil)})
	b.Submit("Enable", nil).Want(http.StatusOK, "Late policy is on.")
	wants := map[string]any{"permissions": []string{"kv", "users:read", "pii:email"}}
	b.Get(ofLogic).Submit("Upload", pagestest.Fields{"bundle": pagestest.Late(t, "2.0.0", wants)})
	b.Want(http.StatusOK, "it asks for more: see people's email addresses", "Needs those who run the school.", "They find it among their approvals", "Those who run the school grant this", "Wait for those who run the school").Lacks("pii:email")
	alma.Get("/console").Want(http.StatusOK, "It asks for more: see people's email addresses.").Follow("Read what it asks for : Late policy").Want(http.StatusOK, "See people's email addresses")
	b.Submit("Let 2.0.0 run without that", nil).Want(http.StatusOK, "Version 2.0.0 of Late policy runs.", "What it may not do")

	b.Get(ofLogic).Submit("Upload", pagestest.Fields{"bundle": pagestest.Late(t, "3.0.0", map[string]any{"permissions": []string{"kv", "users:read", "pii:email", "pii:name"}})})
	alma.Get("/console/approvals").Want(http.StatusOK, "Version 3.0.0 waits", "See people's names", "Review first Late policy 3.0.0")
	alma.Submit("Let 3.0.0 run of Late policy in "+logic, nil).Want(http.StatusOK, "Version 3.0.0 of Late policy runs.")
	b.Get(ofLogic+"/acme.late").Want(http.StatusOK, "Works", "3.0.0", "See people's names")
	alma.Get("/console/approvals").Want(http.StatusOK, "Nothing waits for approval.")
}

// TestTeamErrors: an extension that fails says so: in the list, by its page, with
// the trace; whoever is of the course's team can try it again.
func TestTeamErrors(t *testing.T) {
	p := teaching(t)
	b := pagestest.Browse(t, p).SignIn("demo", "sasha", pagestest.Password)
	b.Get(ofLogic).Submit("Upload", pagestest.Fields{"bundle": pagestest.Late(t, "1.0.0", nil, map[string]func(*testkit.Code){"check": func(c *testkit.Code) { c.Log("about to fall"); c.Trap() }})})
	b.Submit("Enable", nil).Want(http.StatusOK, "is on")
	id := pagestest.Account(t, p, "demo", "new")
	ctx := app.System(t.Context(), "demo")
	for range 6 {
		if _, err := p.Learning.Enroll(ctx, learning.Enroll{Person: id, Course: logic}); err == nil {
			t.Fatal("a filter that traps lets people through")
		}
	}
	b.Get(ofLogic).Want(http.StatusOK, "Left alone Until", "failed 5 times", "Needs attention", "failed 5 times in a row at "+pagestest.Enrolling, "trapped", " 5 ")
	alma := pagestest.Browse(t, p).SignIn("demo", "alma", pagestest.Password)
	alma.Get("/console").Want(http.StatusOK, "Left alone", "failed 5 times in a row at "+pagestest.Enrolling, "See what went wrong")
	alma.Get("/console/extensions?state=attention").Want(http.StatusOK, "Left alone Until", "failed 5 times", "Late policy")
	b.Get(ofLogic+"/acme.late").Want(http.StatusOK, "Works in part", "failed 5 times in a row", "Next try", "5 of 5 calls failed", "Counted on this node since")
	link := b.Find("section th a")
	if len(link) != 1 {
		t.Fatalf("%d errors are shown: %s", len(link), b.Text())
	}
	b.Follow(pagestest.TextOf(link[0])).Want(http.StatusOK, "What went wrong", "failed", "about to fall", pagestest.Enrolling)
	b.Get(ofLogic+"/acme.late/log?level=error").Want(http.StatusOK, "trapped").Lacks("info check about to fall")
	b.Get(ofLogic+"/acme.late/log").Want(http.StatusOK, "about to fall")
	b.Get(ofLogic+"/acme.late").Submit("Try now filter check "+pagestest.Enrolling, nil).Want(http.StatusOK, "The next call of Late policy goes through.")
	if _, err := p.Learning.Enroll(ctx, learning.Enroll{Person: id, Course: logic}); err == nil || strings.Contains(err.Error(), "left alone") {
		t.Errorf("after trying again: %v", err)
	}
	if _, err := p.Registry.Stop(ctx, extensions.Stopping{ID: "acme.late", Course: logic}); err != nil {
		t.Fatal(err)
	}
	b.Get(ofLogic+"/acme.late").Want(http.StatusOK, "times in a row", "The current one").Lacks("Try now")
}

// TestTeamUploads: what cannot be installed says what is wrong, where, and what to
// do; nothing is installed.
func TestTeamUploads(t *testing.T) {
	p := teaching(t)
	b := pagestest.Browse(t, p).SignIn("demo", "sasha", pagestest.Password)
	for _, tt := range []struct {
		name   string
		file   pagestest.File
		status int
		want   []string
	}{
		{"none", pagestest.File{}, http.StatusBadRequest, []string{"Choose a bundle"}},
		{"empty", pagestest.File{Name: "x.trellis", Data: nil}, http.StatusBadRequest, []string{"The file is empty."}},
		{"no zip", pagestest.File{Name: "x.trellis", Data: []byte("hello")}, http.StatusBadRequest, []string{"What is wrong with x.trellis", "the bundle is not a zip file", "Nothing was installed."}},
		{"an unknown hook", pagestest.Late(t, "1.0.0", map[string]any{"filters": []any{map[string]any{"on": pagestest.Enrolling, "call": "chck"}}}), http.StatusBadRequest,
			[]string{"The bundle has a fault", "extension.json: filters[0].call", `did you mean "check"?`}},
		{"a hostile name", pagestest.File{Name: `"><script>alert(1)</script>.trellis`, Data: []byte("hello")}, http.StatusBadRequest, []string{"script>.trellis"}},
		{"more than the limit", pagestest.File{Name: "big.trellis", Data: make([]byte, 20<<20)}, http.StatusRequestEntityTooLarge, []string{"21 MB; the limit is 16 MB."}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := pagestest.Browse(t, p).SignIn("demo", "sasha", pagestest.Password)
			b.Get(ofLogic).Submit("Upload", pagestest.Fields{"bundle": tt.file}).Want(tt.status, tt.want...)
			if len(b.Find("#error-bundle")) != 1 {
				t.Errorf("the field does not say it: %.500s", b.Text())
			}
		})
	}
	if list := p.Registry.List(app.System(t.Context(), "demo"), nil); len(list) != 0 {
		t.Errorf("installed: %+v", list)
	}
	b.Get(ofLogic).Want(http.StatusOK, "no extension of its own yet")
}

// TestTeamConflicts: whoever decides upon something that has changed meanwhile
// decides nothing, and sees both.
func TestTeamConflicts(t *testing.T) {
	p := teaching(t)
	ctx := app.System(t.Context(), "demo")
	one, two := pagestest.Browse(t, p).SignIn("demo", "sasha", pagestest.Password), pagestest.Browse(t, p).SignIn("demo", "alma", pagestest.Password)
	one.Get(ofLogic).Submit("Upload", pagestest.Fields{"bundle": pagestest.Late(t, "1.0.0", nil)})
	two.Get(ofLogic + "/acme.late/review")
	one.Submit("Enable", nil)
	one.Get(ofLogic + "/acme.late/settings")
	two.Get(ofLogic+"/acme.late/settings").Submit("Save settings", pagestest.Fields{"s.0": "9"}).Want(http.StatusOK, "saved")
	one.Submit("Save settings", pagestest.Fields{"s.0": "4"}).Want(http.StatusConflict, "Somebody has changed these settings meanwhile", "Somebody else has set: 9")
	if x, err := p.Registry.Get(ctx, "acme.late", extensions.Scope{Course: logic}); err != nil || string(x.Enabled[0].Settings) != `{"grace_days":9}` {
		t.Errorf("settings %s (%v)", x.Enabled[0].Settings, err)
	}
	one.Submit("Save settings", nil).Want(http.StatusOK, "saved", "Grace days 4")

	two.Get(ofLogic + "/acme.late/review")
	one.Get(ofLogic).Submit("Upload", pagestest.Fields{"bundle": pagestest.Late(t, "1.0.1", nil)})
	two.Submit("Save", nil).Want(http.StatusConflict, "Version 1.0.1 of acme.late is here by now", "look again")
}

// TestTeamSchools: the extensions of the whole school stand in the course's list;
// its team may switch them off in the course, and on again as they were, unless
// they are locked; what belongs to the school is not the team's.
func TestTeamSchools(t *testing.T) {
	p := teaching(t)
	ctx := app.System(t.Context(), "demo")
	p.Install(t, ctx, pagestest.Late(t, "1.0.0", map[string]any{"permissions": []string{"pii:email"}, "secrets": []any{map[string]any{"name": "key", "title": "Key of the service"}}}).Data, "", map[string]any{"grace_days": 4})
	b := pagestest.Browse(t, p).SignIn("demo", "sasha", pagestest.Password)
	b.Get(ofLogic).Want(http.StatusOK, "From the school", "Late policy")
	b.Get(ofLogic+"/acme.late").Want(http.StatusOK, "Set for the whole school; this course may decide otherwise.", "Grace days 4").Lacks("Errors", "Secrets", "Remove …", "Key of the service")
	b.Submit("Switch off", nil).Want(http.StatusOK, "is off here")
	b.Submit("Undo", nil).Want(http.StatusOK, "is on again, as it was.", "Set for the whole school", "Grace days 4")
	b.Follow("Change the settings").Want(http.StatusOK, "Set for the whole school: 4")
	for _, path := range []string{"/log", "/rollback", "/uninstall", "/errors/0123456789abcdef0123456789abcdef"} {
		b.Get(ofLogic+"/acme.late"+path).Want(http.StatusForbidden, "those who run it do this")
	}
	b.Get("/courses")
	b.Post(ofLogic+"/acme.late/uninstall", nil)
	b.Post(ofLogic+"/acme.late/secrets", url.Values{"name": {"key"}, "value": {"x"}})
	if _, err := p.Registry.Get(ctx, "acme.late", extensions.Scope{}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Registry.Enable(ctx, extensions.Enable{ID: "acme.late", Grants: []string{}, Locked: true}); err != nil {
		t.Fatal(err)
	}
	b.Get(ofLogic).Want(http.StatusOK, "Locked by those who run the school")
	b.Get(ofLogic+"/acme.late").Want(http.StatusOK, "Locked by those who run the school.").Lacks("Switch off")
	b.Post(ofLogic+"/acme.late/off", nil).Want(http.StatusForbidden, "locked by those who run the tenant")
}

// TestTeamSecrets: a secret is set, kept if nothing is entered, removed; and never
// shown.
func TestTeamSecrets(t *testing.T) {
	p := teaching(t)
	b := pagestest.Browse(t, p).SignIn("demo", "sasha", pagestest.Password)
	b.Get(ofLogic).Submit("Upload", pagestest.Fields{"bundle": pagestest.Late(t, "1.0.0", map[string]any{"secrets": []any{map[string]any{"name": "key", "title": "Key of the service"}}})})
	b.Want(http.StatusOK, "It wants 1 secret")
	b.Submit("Enable", nil).Want(http.StatusOK, "Not set yet.")
	b.Submit("Save Key of the service", pagestest.Fields{"value": "hush-hush"}).Want(http.StatusOK, "Key of the service is set.", "Leave empty to keep.")
	if strings.Contains(b.Body, "hush-hush") {
		t.Error("the secret is shown")
	}
	b.Submit("Save Key of the service", nil).Want(http.StatusOK, "is kept as it is")
	b.Submit("Remove Key of the service", nil).Want(http.StatusOK, "is removed", "Not set yet.")
}

// TestTeamHostile: titles, descriptions, names of settings and their values with
// markup in them are text, wherever they stand.
func TestTeamHostile(t *testing.T) {
	p := teaching(t)
	b := pagestest.Browse(t, p).SignIn("demo", "sasha", pagestest.Password)
	evil := `"><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}`
	hostile := map[string]any{"title": evil, "description": evil, "homepage": "javascript:alert(1)", "secrets": []any{map[string]any{"name": "key", "title": evil}},
		"settings": map[string]any{"type": "object", "properties": map[string]any{
			evil: map[string]any{"type": "string", "title": evil, "description": evil, "default": evil},
			"a":  map[string]any{"type": "string", "title": evil, "oneOf": []any{map[string]any{"const": evil, "title": evil}}},
			"b":  map[string]any{"type": "integer", "enum": []any{1, 2, 3, 4, 5, 6}, "title": "</select>" + evil},
			"c":  map[string]any{"type": "object", "title": evil, "properties": map[string]any{"__proto__": map[string]any{"type": "string", "maxLength": 5000, "default": "</textarea>" + evil}}},
		}}}
	b.Get(ofLogic).Submit("Upload", pagestest.Fields{"bundle": pagestest.Late(t, "1.0.0", hostile)}).Want(http.StatusOK, "script>alert(1)")
	check := func() {
		t.Helper()
		if n := len(b.Find("main script")) + len(b.Find("main img[onerror]")) + len(b.Find("a[href^=javascript]")); n != 0 {
			t.Errorf("%s: markup of the bundle is in the page", b.At)
		}
	}
	check()
	b.Submit("Enable", nil).Want(http.StatusOK, "is on.")
	check()
	for _, path := range []string{"", "/review", "/settings", "/log", "/rollback", "/uninstall"} {
		b.Get(ofLogic + "/acme.late" + path).Want(http.StatusOK)
		check()
	}
	b.Get(ofLogic).Want(http.StatusOK)
	check()
}

// TestTeamRoles: only the team of the course, and who runs the school, see its
// extensions; others are told who can.
func TestTeamRoles(t *testing.T) {
	p := teaching(t)
	pagestest.Browse(t, p).SignIn("demo", "sasha", pagestest.Password).Get(ofLogic).Submit("Upload", pagestest.Fields{"bundle": pagestest.Late(t, "1.0.0", nil)})
	for _, who := range []string{"lena", "otto"} {
		b := pagestest.Browse(t, p).SignIn("demo", who, pagestest.Password)
		for _, path := range []string{"", "/upload", "/acme.late", "/acme.late/review", "/acme.late/settings", "/acme.late/log"} {
			b.Get(ofLogic+path).Want(http.StatusForbidden, "The team of this course sees its extensions")
		}
		b.Get("/courses")
		for _, path := range []string{"/acme.late/enable", "/acme.late/off", "/acme.late/on", "/acme.late/consent", "/acme.late/retry", "/acme.late/settings", "/acme.late/secrets", "/acme.late/rollback", "/acme.late/uninstall"} {
			b.Post(ofLogic+path, url.Values{"version": {"1.0.0"}}).Want(http.StatusForbidden)
		}
	}
	pagestest.Browse(t, p).SignIn("demo", "alma", pagestest.Password).Get(ofLogic).Want(http.StatusOK, "Late policy", "Drop a bundle here")
}

// TestTeamStopped: an extension that has stopped itself says why and since when, and
// goes on when somebody tries it again; one that those who run the school have
// stopped for everybody does not.
func TestTeamStopped(t *testing.T) {
	p := teaching(t)
	ctx := app.System(t.Context(), "demo")
	b := pagestest.Browse(t, p).SignIn("demo", "sasha", pagestest.Password)
	b.Get(ofLogic).Submit("Upload", pagestest.Fields{"bundle": pagestest.Late(t, "1.0.0", nil)})
	b.Submit("Enable", nil)
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
	b.Get(ofLogic).Want(http.StatusOK, "Needs attention", "Late policy stopped itself: it failed 5 times in a row.", "Suspended")
	b.Follow("See what went wrong").Want(http.StatusOK, "It stopped itself at", "it failed 5 times in a row", "Suspended since")
	b.Want(http.StatusOK, "The current one") // nothing runs
	b.Submit("Try now", nil).Want(http.StatusOK, "The next call of Late policy goes through.", "Works").Lacks("stopped itself", "The current one")
	if _, err := p.Registry.Stop(ctx, extensions.Stopping{ID: "acme.late", Course: logic, Reason: "It spies."}); err != nil {
		t.Fatal(err)
	}
	b.Get(ofLogic).Want(http.StatusOK, "Late policy is switched off for everybody: It spies.")
	b.Get(ofLogic+"/acme.late").Want(http.StatusOK, "Those who run the school have switched it off for everybody: It spies.").Lacks("Try now")
	b.Get(ofLogic+"/acme.late/review").Want(http.StatusOK, "Stopped.", "It spies.")
}

// TestTeamConflictsInPages: two extensions that act on one thing in a page are told
// of, on the page of either.
func TestTeamConflictsInPages(t *testing.T) {
	p := teaching(t)
	ctx := app.System(t.Context(), "demo")
	for _, id := range []string{"acme.one", "acme.two"} {
		p.Install(t, ctx, pagestest.Late(t, "1.0.0", map[string]any{"id": id, "title": id, "filters": []any{},
			"slots": []any{map[string]any{"slot": "course.sidebar.v1", "op": "replace", "target": "default", "call": "hear"}}}).Data, "", nil)
	}
	b := pagestest.Browse(t, p).SignIn("demo", "sasha", pagestest.Password)
	for _, id := range []string{"acme.one", "acme.two"} {
		b.Get(ofLogic+"/"+id).Want(http.StatusOK, "acme.one replaces", "acme.two replaces", "They apply in this order")
	}
}

// TestConsoleExtension: those who run the school have the same pages, for the whole
// of it: they may lock what they enable.
func TestConsoleExtension(t *testing.T) {
	p := teaching(t)
	b := pagestest.Browse(t, p).SignIn("demo", "alma", pagestest.Password)
	names := map[string]any{"permissions": []string{"kv", "pii:email"}}
	b.Get("/console/extensions/upload").Submit("Upload", pagestest.Fields{"bundle": pagestest.Late(t, "1.0.0", names)})
	b.Want(http.StatusOK, "Runs at once.", "In the whole school", "Course staff may switch it off in their course, unless you lock it").Lacks("Needs approval")
	b.Submit("Enable", pagestest.Fields{"s.0": "3", "locked": true}).Want(http.StatusOK, "Late policy is on.", "Grace days 3")
	b.Follow("Change the settings").Submit("Save settings", pagestest.Fields{"s.0": "31"}).Want(http.StatusBadRequest)
	b.Fault("s-0", "Grace days must be 0 to 30.")
	b.Submit("Save settings", pagestest.Fields{"s.0": "4"}).Want(http.StatusOK, "Grace days 4")
	team := pagestest.Browse(t, p).SignIn("demo", "sasha", pagestest.Password)
	team.Get(ofLogic+"/acme.late/settings").Want(http.StatusOK, "Those who run the school have locked these settings", "What they are set to is not shown here.").Lacks("Save settings", "Grace days")
	if len(team.Find("main input[type=text]")) > 0 {
		t.Errorf("fields show what holds nowhere: %s", team.Body)
	}
	team.Follow("Back to Late policy").Want(http.StatusOK, "What they are set to is the school’s, and not shown here.").Lacks("Grace days")
	b.Get("/console/extensions/acme.late").Submit("Switch off", nil).Want(http.StatusOK, "is off here")
	b.Submit("Undo", nil).Want(http.StatusOK, "is on again, as it was.")
	if x, err := p.Registry.Get(app.System(t.Context(), "demo"), "acme.late", extensions.Scope{}); err != nil || !x.Enabled[0].Locked || string(x.Enabled[0].Settings) != `{"grace_days":4}` {
		t.Errorf("%+v (%v)", x.Enabled, err)
	}
	pagestest.Browse(t, p).SignIn("demo", "sasha", pagestest.Password).Get("/console/extensions/acme.late").Want(http.StatusForbidden)
}

// TestTeamUploadWithoutLength: an upload that does not say how long it is ends when
// it is too long.
func TestTeamUploadWithoutLength(t *testing.T) {
	p := teaching(t)
	b := pagestest.Browse(t, p).SignIn("demo", "sasha", pagestest.Password)
	b.Get(ofLogic)
	var read atomic.Int64
	from, to := io.Pipe()
	form, csrf := multipart.NewWriter(to), b.CSRF()
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
	res, err := b.Client.Do(req)
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
