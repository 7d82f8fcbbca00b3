package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster/rostertest"
	"github.com/trellis-learning/trellis/internal/testkit"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

// bundle writes a bundle of the welcome module and returns its name.
func (s *shell) bundle(version string, permissions ...string) string {
	s.t.Helper()
	manifest, err := json.Marshal(map[string]any{
		"id": "acme.welcome", "version": version, "abi": 1, "title": "Welcome", "permissions": permissions, "secrets": []any{map[string]any{"name": "key", "title": "Key"}},
		"events": []any{map[string]any{"on": "org.openedx.learning.course.enrollment.created.v1", "call": "welcome"}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	dir := filepath.Join(s.dir, "welcome-"+version)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		s.t.Fatal(err)
	}
	for name, data := range map[string][]byte{"extension.json": manifest, "main.wasm": wasm.Welcome} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	s.ok("ext", "pack", dir)
	return filepath.Join(dir, "acme.welcome-"+version+".trellis")
}

func TestDemoEnv(t *testing.T) {
	s := demo(t)
	for _, name := range []string{"TRELLIS_URL", "TRELLIS_TENANT", "TRELLIS_COURSE", "TRELLIS_TOKEN", "TRELLIS_OPERATOR_TOKEN", "TRELLIS_STAFF_TOKEN", "TRELLIS_LEARNER_TOKEN"} {
		if s.value(name) == "" {
			t.Errorf("%s is empty", name)
		}
	}
	for _, name := range []string{"demo.env", "master.key", "trellis.db"} {
		if info, err := os.Stat(filepath.Join(s.dir, "data", name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if out := s.ok("catalogue"); !strings.Contains(out, "course.sidebar.v1") || !strings.Contains(out, "in the side column of the course page") {
		t.Errorf("the catalogue says nothing of the places in pages:\n%s", out)
	}
	s.fails(1, "already runs a Trellis in", "demo", "-data", "data", "-listen", "127.0.0.1:0")
	s.fails(1, "cannot listen at", "demo", "-data", "other", "-listen", strings.TrimPrefix(s.value("TRELLIS_URL"), "http://"))
}

// TestCourseStaff: staff bring an extension to their course; what it asks for beyond
// that waits until somebody who runs the tenant approves it.
func TestCourseStaff(t *testing.T) {
	operator := demo(t)
	course := operator.value("TRELLIS_COURSE")
	staff := operator.with("TRELLIS_TOKEN=" + operator.value("TRELLIS_STAFF_TOKEN"))
	learner := operator.with("TRELLIS_TOKEN=" + operator.value("TRELLIS_LEARNER_TOKEN"))
	file := staff.bundle("1.0.0", "kv", "users:read", "pii:name", "events:emit")

	learner.fails(1, "extensions:write", "ext", "install", file, "-course", course)
	for _, line := range []string{"install " + file, "upgrade " + file, "disable trellis-demo.welcome-c", "rollback trellis-demo.welcome-c", "settings trellis-demo.welcome-c {}"} {
		args := strings.Fields("ext " + line)
		if r := staff.run("", args...); r.status != 1 || !strings.Contains(r.errs, "Next: course staff name their own course: trellis ext "+args[1]+" ") || !strings.Contains(r.errs, " -course KEY") {
			t.Errorf("staff, without a course: trellis ext %s: status %d\n%s%s", line, r.status, r.out, r.errs)
		}
	}
	learner.fails(1, "only those who enrol others", "enroll", "staff", course)
	staff.fails(1, "nobody here signs in as \"mia\"", "enroll", "mia", course)
	operator.ok("user", "create", "mia", "-name", "Mia")
	for _, command := range []string{"enroll", "unenroll"} {
		staff.ok(command, "mia", course)
	}
	if out := staff.ok("ext", "install", file, "-course", course); !strings.Contains(out, "See people's names (pii:name)") || !strings.Contains(out, "Next: trellis ext enable acme.welcome -course "+course) {
		t.Errorf("installed:\n%s", out)
	}
	if out := staff.ok("ext", "enable", "acme.welcome", "-course", course); !strings.Contains(out, "must approve it. Next: trellis ext list") || !strings.Contains(out, "asks to be granted: kv") || strings.Contains(out, "ext logs") {
		t.Errorf("enabled:\n%s", out)
	}
	staff.fails(1, "", "ext", "approve", "acme.welcome", "-course", course)
	if out := operator.ok("ext", "list"); !strings.Contains(out, "Waits for approval in "+course+", asks to be granted: kv") || !strings.Contains(out, "\nNext: trellis ext approve acme.welcome -course "+course+" (or -reject)\n") {
		t.Errorf("the operator does not see what waits:\n%s", out)
	}
	if out := operator.ok("ext", "approve", "acme.welcome", "-course", course); !strings.Contains(out, "Enabled in "+course+", granted: kv, users:read, pii:name, events:emit") {
		t.Errorf("approved:\n%s", out)
	}
	if out := operator.ok("ext", "stop", "acme.welcome", "-course", course, "-reason", "A try."); !strings.Contains(out, "SWITCHED OFF FOR EVERYBODY by person:") || !strings.Contains(out, ": A try.") || !strings.Contains(out, "Next: trellis ext resume acme.welcome -course "+course) {
		t.Errorf("stopped:\n%s", out)
	}
	staff.fails(1, "switched off for everybody", "ext", "enable", "acme.welcome", "-course", course)
	if out := operator.ok("ext", "resume", "acme.welcome", "-course", course); strings.Contains(out, "SWITCHED OFF") || !strings.Contains(out, "Enabled in "+course) {
		t.Errorf("resumed:\n%s", out)
	}
	follow := operator.start("events", "-follow", "-type", "org.openedx.*", "-type", "acme.*")
	follow.until("Following")
	learner.ok("enroll", "learner", course)
	follow.until("enrollment.created.v1")
	if status := follow.stop(); status != 0 {
		t.Errorf("status %d", status)
	}
	// The module tells of greetings in the name of the demo's extension, which this
	// one is refused: it was called, and the delivery says why it failed.
	out := ""
	testkit.Eventually(t, "what failed", func() bool {
		out = operator.ok("deliveries")
		return strings.Contains(out, "begin with acme.welcome.")
	})
	if !strings.Contains(out, "Next: trellis deliveries show|retry|discard ") {
		t.Errorf("what failed:\n%s", out)
	}
	secret := staff.run("sesame\n", "ext", "secrets", "acme.welcome", "key", "-course", course)
	if secret.status != 0 || strings.Contains(secret.out+secret.errs, "sesame") {
		t.Errorf("a secret: %+v", secret)
	}
	staff.fails(1, "nothing was changed", "ext", "uninstall", "acme.welcome", "-course", course)
	staff.ok("ext", "uninstall", "acme.welcome", "-course", course, "-yes")
	staff.fails(1, "acme.welcome", "ext", "logs", "acme.welcome", "-course", course)
}

// TestDemoExamples: where the source of Trellis is, the demo builds the examples in
// Go while it runs and installs them for nobody; and it keeps its tokens when it is
// started again.
func TestDemoExamples(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED the examples in Go: -short")
	}
	s := newShell(t)
	data := filepath.Join(s.dir, "data")
	s.dir = testkit.Root(t)
	p := s.start("demo", "-data", data, "-listen", "127.0.0.1:0")
	for _, id := range []string{"trellis-demo.enrollment-policy", "trellis-demo.nightly-report", "trellis-demo.welcome"} {
		p.until("Next: trellis ext enable " + id + "\n")
	}
	first, err := os.ReadFile(filepath.Join(data, "demo.env"))
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Items []extensions.Extension }
	s.with(strings.Fields(string(first))...).json(&list, "ext", "list")
	var enabled []string
	for _, x := range list.Items {
		for range x.Enabled {
			enabled = append(enabled, x.ID)
		}
	}
	slices.Sort(enabled)
	if got, want := strings.Join(enabled, " "), "trellis-demo.enrollment-policy-c trellis-demo.live-card-c trellis-demo.welcome-c"; got != want || len(list.Items) < 6 {
		t.Errorf("of %d extensions are enabled: %s; want %s", len(list.Items), got, want)
	}
	if status := p.stop(); status != 0 {
		t.Errorf("it ended with %d:\n%s", status, p.said())
	}
	s.start("demo", "-data", data, "-listen", "127.0.0.1:0").until("Everything is as you left it.")
	again, err := os.ReadFile(filepath.Join(data, "demo.env"))
	if err != nil {
		t.Fatal(err)
	}
	token := func(env []byte) string { _, rest, _ := strings.Cut(string(env), "TRELLIS_TENANT"); return rest }
	if token(first) != token(again) {
		t.Error("the tokens were not kept")
	}
}

// TestSelfService: those who run the tenant say what course staff may grant.
func TestSelfService(t *testing.T) {
	s := demo(t)
	if out := s.ok("ext", "self-service"); !strings.Contains(out, "(kv)") || strings.Contains(out, "(pii:name)") {
		t.Errorf("at first:\n%s", out)
	}
	s.fails(1, "is not a permission", "ext", "self-service", "-allow", "kw")
	var set extensions.SelfService
	s.json(&set, "ext", "self-service", "-allow", "pii:name", "-forbid", "kv")
	if !slices.Contains(set.Permissions, "pii:name") || slices.Contains(set.Permissions, "kv") {
		t.Errorf("afterwards: %v", set.Permissions)
	}
	staff := s.with("TRELLIS_TOKEN=" + s.value("TRELLIS_STAFF_TOKEN"))
	staff.fails(1, "", "ext", "self-service", "-allow", "pii:email")
}

// TestVersions: a version that asks for more waits for consent, and one step leads
// back. A permission that is not asked for is not granted by mistake.
func TestVersions(t *testing.T) {
	s := demo(t)
	s.ok("ext", "install", s.bundle("1.0.0", "kv"))
	s.fails(1, "does not ask for users:read", "ext", "enable", "acme.welcome", "-grant", "users:read")
	s.fails(1, "does not ask for kw", "ext", "enable", "acme.welcome", "-withhold", "kw")
	s.fails(1, "is not enabled here", "ext", "grant", "acme.welcome")
	s.ok("ext", "enable", "acme.welcome")
	if out := s.ok("ext", "install", s.bundle("1.1.0", "kv", "users:read")); !strings.Contains(out, "Version 1.1.0 waits for consent: it asks for more: see who the people are") || !strings.Contains(out, "Until then version 1.0.0 runs") {
		t.Errorf("installed:\n%s", out)
	}
	s.fails(1, "does not ask for grades:read", "ext", "grant", "acme.welcome", "-withhold", "grades:read")
	var x extensions.Extension
	s.json(&x, "ext", "grant", "acme.welcome", "-withhold", "users:read")
	if x.Version != "1.1.0" || !slices.Equal(x.Enabled[0].Grants, []string{"kv"}) {
		t.Errorf("after consent: %+v", x)
	}
	s.ok("ext", "disable", "acme.welcome")
	s.fails(1, "is not enabled here", "ext", "grant", "acme.welcome")
	if out := s.ok("ext", "rollback", "acme.welcome"); !strings.Contains(out, "acme.welcome 1.0.0") {
		t.Errorf("rolled back:\n%s", out)
	}
	s.ok("ext", "keygen", "key.pem")
	s.fails(1, "exists already", "ext", "keygen", "key.pem")
	s.ok("ext", "trust", "acme", "key.pem.pub")
	file := s.bundle("1.2.0", "kv")
	s.ok("ext", "sign", file, "-key", "key.pem")
	if out := s.ok("ext", "inspect", file); !strings.Contains(out, "signed with ed25519:") {
		t.Errorf("signed:\n%s", out)
	}
	s.ok("ext", "install", file)
	s.ok("ext", "trust", "acme", "-remove")
}

// TestImport: the report of an import has exactly the parts that are promised, and
// adds up; an export that is imported changes nothing.
func TestImport(t *testing.T) {
	s := demo(t)
	f, err := os.Create(filepath.Join(s.dir, "district.zip"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rostertest.Generate(f, rostertest.Config{Seed: 1, Rows: 300, Faults: 5, Deletions: 3}); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	var report map[string]json.RawMessage
	if r := s.json(&report, "import", "district.zip"); r.status != 0 {
		t.Fatalf("%+v", r)
	}
	want := []string{"changed", "created", "files", "invalid", "job", "refused", "removed", "rows", "skipped", "unchanged"}
	delete(report, "warnings") // what was put right in lenient mode, where there is any
	if got := slices.Sorted(maps.Keys(report)); !slices.Equal(got, want) {
		t.Errorf("the report has %v, want %v", got, want)
	}
	var n struct {
		Rows, Created, Changed, Removed, Unchanged, Skipped int
		Refused                                             []struct{ File, Extension, Filter, Message string }
		Invalid                                             []struct{ File, Column, Message string }
		Files                                               map[string]map[string]int
	}
	raw, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &n); err != nil {
		t.Fatal(err)
	}
	if sum := n.Created + n.Changed + n.Removed + n.Unchanged + n.Skipped + len(n.Refused) + len(n.Invalid); n.Rows != sum || n.Rows < 250 || len(n.Invalid) != 5 {
		t.Errorf("%d rows, and the parts are %d: %s", n.Rows, sum, raw)
	}
	if len(n.Refused) == 0 || n.Refused[0].Extension != "trellis-demo.enrollment-policy-c" || n.Refused[0].Message == "" {
		t.Errorf("the demo's policy refused %+v", n.Refused)
	}
	var file struct{ File string }
	s.json(&file, "export", "oneroster")
	if file.File != "demo-oneroster.zip" {
		t.Errorf("exported to %s", file.File)
	}
	var again struct{ Created, Changed, Removed, Unchanged int }
	if r := s.json(&again, "import", file.File); r.status != 0 || again.Created+again.Changed+again.Removed != 0 || again.Unchanged == 0 {
		t.Errorf("importing what was exported: %+v %+v", again, r)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "broken.zip"), []byte("PK, and yet no zip"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "text.zip"), []byte("no zip"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.fails(1, "what was sent is no zip archive", "import", "text.zip")
	var failed struct{ State, Error string }
	if r := s.json(&failed, "import", "broken.zip"); r.status != 1 || failed.State != "failed" || !strings.Contains(r.errs, "Next: trellis jobs retry") {
		t.Errorf("no zip: %+v %+v", failed, r)
	}
}

// TestOneDocument: every command that asks the server prints one JSON document, for
// what there is and for what there is not.
func TestOneDocument(t *testing.T) {
	s := demo(t)
	course := s.value("TRELLIS_COURSE")
	for _, line := range []string{
		"ext list", "ext trust", "ext logs trellis-demo.welcome-c", "ext settings trellis-demo.enrollment-policy-c", "ext disable trellis-demo.welcome-c",
		"ext enable trellis-demo.welcome-c", "ext grant trellis-demo.welcome-c", "jobs list", "events", "deliveries list", "audit", "catalogue", "course list",
		"course create course-v1:Demo+New+1 New", "user list", "user create ina -name Ina", "user deactivate ina", "user deactivate ina -undo", "role list",
		"role give ina staff -course " + course, "role take ina staff -course " + course, "enroll ina " + course, "grade set ina " + course + " 3 4", "grade list",
		"unenroll ina " + course, "whoami", "tenant list", "tenant put other -title Other", "token list", "token create mine -tenant _", "token create service -role tenant-admin", "api GET /api/v1/organisations", "doctor", "abi",
	} {
		var doc any
		if r := s.json(&doc, strings.Fields(line)...); r.status != 0 {
			t.Errorf("trellis %s: status %d\n%s%s", line, r.status, r.out, r.errs)
		}
	}
	for line, kind := range map[string]string{
		"ext logs acme.none": "not_found", "ext enable acme.none": "not_found", "ext rollback acme.none": "not_found", "jobs wait none": "not_found", "jobs cancel none": "not_found",
		"deliveries show none": "not_found", "deliveries discard none": "conflict", "trace none": "not_found", "enroll nobody " + course: "not_found", "enroll ina none": "not_found",
		"token revoke none": "not_found", "events -after x": "invalid", "events -type a -type b": "invalid", "ext trust acme": "invalid", "api GET nonsense": "invalid",
		"enroll learner course-v1:Demo+Closed+2026": "refused", "whoami -token x": "denied", "ext list -url http://127.0.0.1:1": "unavailable", "ext list -url x": "invalid",
		"ext settings trellis-demo.welcome-c {": "invalid", "ext inspect nothing": "", "login learner -tenant demo": "invalid", "ext build nothing": "invalid",
	} {
		var doc struct {
			Error struct{ Kind, Message string }
		}
		if r := s.json(&doc, strings.Fields(line)...); r.status != 1 || doc.Error.Message == "" || kind != "" && doc.Error.Kind != kind {
			t.Errorf("trellis %s: status %d, kind %q, want %q\n%s%s", line, r.status, doc.Error.Kind, kind, r.out, r.errs)
		}
	}
	s.ok("tenant", "put", "wide", "-title", "Wide", "-open")
	for name, open := range map[string]bool{"wide": true, "other": false} {
		var line string
		for l := range strings.Lines(s.ok("tenant", "list")) {
			if strings.HasPrefix(l, name) {
				line = l
			}
		}
		if line == "" || strings.Contains(line, "open: people register themselves") != open {
			t.Errorf("tenant list says of %s: %q", name, line)
		}
	}
	login := s.run("trellis-demo\n", "login", "learner", "-tenant", "demo")
	if login.status != 0 || !strings.Contains(login.out, "export TRELLIS_TOKEN=trl_") {
		t.Errorf("login: %+v", login)
	}
	if r := s.run("wrong\n", "login", "operator", "-tenant", "demo"); r.status != 1 || !strings.Contains(r.errs, "Operators log in to -tenant _") {
		t.Errorf("login with a wrong password: %+v", r)
	}
}

// TestNewProjects: what ext new writes is a project that works, whatever it is
// called, without a network.
func TestNewProjects(t *testing.T) {
	s := newShell(t, "GOPROXY=off", "GOWORK=off", "GOFLAGS=-mod=mod")
	s.ok("ext", "new", "acme.strings", "-title", `It's "mine"`) // also a package of Go's
	cmd := s.command("go", "test", "./...")
	cmd.Dir = filepath.Join(s.dir, "strings")
	if r := s.wait(cmd); r.status != 0 || !strings.Contains(r.out, "ok") {
		t.Errorf("its tests: %+v", r)
	}
	s.ok("ext", "upgrade-guest", "strings")
	if out := s.ok("ext", "new", "acme.waves", "-kind", "card", "-title", `The "waves"`); !strings.Contains(out, "drop the bundle on the page of your course") {
		t.Errorf("a new card: %s", out)
	}
	s.ok("ext", "test", "waves")
	if out := s.ok("ext", "run", "waves"); !strings.Contains(out, `"title":"Say hello"`) || !strings.Contains(out, "Nobody has waved yet.") {
		t.Errorf("the card: %s", out)
	}
	if r := s.run("", "ext", "run", "waves", "-hook", "wave"); !strings.Contains(r.out, "You waved.") || !strings.Contains(r.errs, "emitted: acme.waves.waved {}") {
		t.Errorf("its button: %+v", r)
	}
	s.ok("ext", "pack", "waves")
	for _, args := range [][]string{
		{"bad"}, {"trellis.mine"}, {"Acme.first"}, {"acme.strings"}, {"acme.x", "strings"},
	} {
		s.fails(1, "", append([]string{"ext", "new"}, args...)...)
	}
	s.fails(1, "has none of build.sh, package.json with a script build, main.go, go.mod, main.c, main.cpp, Cargo.toml, main.ts, and no extension.json", "ext", "build", ".")
	s.fails(1, "build it first", "ext", "pack", "strings")
	if r := s.run("", "ext", "pack", "strings"); !strings.Contains(r.errs, "Next: trellis ext build strings") {
		t.Errorf("what to do about a project that is not built: %s", r.errs)
	}
	s.write("nothing.trellis", "no zip")
	s.fails(1, "not a zip", "ext", "inspect", "nothing.trellis")
}
