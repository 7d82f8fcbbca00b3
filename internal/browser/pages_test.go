//go:build browser

package browser_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/browser"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// visit is a page as somebody sees it.
type visit struct {
	who  string // username; "" for nobody
	path string
}

// visits returns a visit to each page, by the name of its route. What has to be
// there for it to say something has been brought by [school.live].
func (s *school) visits() map[string]visit {
	const console = "/t/demo/console"
	gate, ours := in("/extensions/acme.gate"), console+"/extensions/trellis-demo.live-card-c"
	return map[string]visit{
		"login": {"", "/login"}, "register": {"", "/register"}, "problem": {"learner", "/nowhere"}, "home": {"learner", "/"},
		"account": {"learner", "/account"}, "account.password": {"learner", "/account/password"}, "account.tokens": {"staff", "/account/tokens"},
		"account.tokens.new": {"staff", "/account/tokens/new"}, "account.tokens.end": {"staff", "/account/tokens/" + s.facts.token + "/end"},
		"courses": {"learner", "/courses"}, "course": {"learner", in("")}, "course of staff": {"staff", in("")}, "course.new": {"ada", "/courses/new"},
		"course.settings": {"staff", in("/settings")}, "course.people": {"staff", in("/people")},
		"team.extensions": {"staff", in("/extensions")}, "extension.courses.upload": {"staff", in("/extensions/upload")}, "extension.courses.one": {"staff", gate},
		"extension.courses.review": {"staff", in("/extensions/acme.live-card/review")}, "extension.courses.settings": {"staff", in("/extensions/acme.live-card/settings")},
		"extension.courses.rollback": {"staff", gate + "/rollback"}, "extension.courses.uninstall": {"staff", gate + "/uninstall"}, "extension.courses.log": {"staff", gate + "/log"},
		"extension.courses.trace": {"staff", gate + "/errors/" + s.facts.failed},
		"console":                 {"operator", console}, "console.extensions": {"operator", console + "/extensions"}, "console.stop": {"operator", console + "/extensions/acme.gate/stop?course=" + url.QueryEscape(demoCourse)},
		"extension.console.upload": {"operator", console + "/extensions/upload"}, "extension.console.one": {"operator", ours}, "extension.console.review": {"operator", ours + "/review"},
		"extension.console.settings": {"operator", console + "/extensions/trellis-demo.enrollment-policy-c/settings"}, "extension.console.uninstall": {"operator", ours + "/uninstall"}, "extension.console.log": {"operator", ours + "/log"},
		"console.approvals": {"operator", console + "/approvals"}, "console.people": {"ada", console + "/people"}, "console.people.new": {"ada", console + "/people/new"},
		"console.person": {"operator", console + "/people/" + s.demo.LearnerID}, "console.person.erase": {"operator", console + "/people/" + s.demo.LearnerID + "/erase"},
		"console.courses": {"operator", console + "/courses"}, "console.import": {"operator", console + "/import"}, "console.jobs": {"operator", console + "/jobs"},
		"console.events": {"operator", console + "/events"}, "console.event": {"operator", console + "/events/" + s.facts.event}, "console.trace": {"operator", console + "/traces/" + s.facts.refused},
		"console.deliveries": {"operator", console + "/deliveries"}, "console.audit": {"operator", console + "/audit"},
		"console.keys": {"operator", console + "/keys"}, "console.keys.remove": {"operator", console + "/keys/acme/remove"},
		"console.tenants": {"operator", console + "/tenants"}, "console.tenants.new": {"operator", console + "/tenants/new"}, "console.tenant": {"operator", console + "/tenants/demo"},
		"console.tokens": {"operator", console + "/tokens"}, "console.tokens.new": {"operator", console + "/tokens/new"}, "console.tokens.end": {"operator", console + "/tokens/" + s.facts.token + "/end"},
		"console.brand": {"operator", console + "/brand"}, "console.self_service": {"operator", console + "/self-service"},
	}
}

// facts are what visits name.
type facts struct{ token, failed, event, refused string }

// TestEveryPage looks at each page as its people see it: axe finds nothing in
// light, dark and forced colours, and the checks beyond it find nothing, wide and at
// 320 px. What is looked at in every combination is the gallery of all components.
func TestEveryPage(t *testing.T) {
	s := open(t)
	s.live()
	tabs := map[string]*browser.Tab{}
	names := slices.Sorted(maps.Keys(s.visits()))
	for _, name := range names {
		v := s.visits()[name]
		if tabs[v.who] == nil {
			tabs[v.who] = s.chrome.Open(t)
			tabs[v.who].Origin(s.ContentURL)
			tabs[v.who].Allow("/nowhere") // that it is not there stands in the console, too
			if v.who != "" {
				tabs[v.who] = s.signIn(t, v.who)
				tabs[v.who].Allow("/nowhere")
			}
		}
		t.Run(name, func(t *testing.T) {
			tab := tabs[v.who].In(t)
			tab.Viewport(1280, 900)
			for name, look := range browser.Looks() {
				tab.Look(look)
				tab.Go(s.URL + v.path)
				if name != "light" {
					browser.Axe(t, tab)
					continue
				}
				browser.CheckAll(t, tab)
			}
			tab.Look(browser.Look{})
			tab.Viewport(320, 900)
			tab.Go(s.URL + v.path)
			browser.Axe(t, tab)
			browser.Sideways(t, tab)
			browser.Spacing(t, tab)
		})
	}
}

// TestVisitsAreComplete: a new page is looked at.
func TestVisitsAreComplete(t *testing.T) {
	s := &school{Platform: testkit.Start(t, app.Config{})}
	elsewhere := []string{
		// With what it takes to show them, in the console's own package.
		"console.job", "console.delivery",
		// Of the whole school as of a course.
		"extension.console.rollback", "extension.console.trace",
		// Files.
		"console.export", "console.job.refused", "console.job.leftovers", "console.audit.csv",
	}
	for _, r := range s.Pages.Routes() {
		name, page := strings.CutPrefix(r.Name, "pages.")
		if _, ok := s.visits()[name]; page && r.Method == "GET" && !ok && !slices.Contains(elsewhere, name) {
			t.Errorf("nobody visits %s, %s", name, r.Path)
		}
	}
}

// TestReadmePictures writes the pictures of README.md, as wide as they are shown there
// and the upper part of the page, to the directory that
// TRELLIS_README names; `just readme-pictures` runs it.
func TestReadmePictures(t *testing.T) {
	dir := os.Getenv("TRELLIS_README")
	if dir == "" {
		t.Skip("SKIPPED the pictures of README.md: TRELLIS_README names no directory for them")
	}
	s := open(t)
	take := func(name, who, path string) {
		t.Helper()
		tab := s.signIn(t, who)
		tab.Viewport(1100, 720)
		tab.Go(s.URL + path)
		tab.Visible(filepath.Join(dir, name+".png"))
	}
	ask := s.poll()
	take("review", "staff", in("/extensions/trellis-demo.poll/review"))
	ask()
	take("course", "learner", in(""))
	take("extensions", "staff", in("/extensions"))
	take("console", "operator", "/t/demo/console/extensions")
}

// poll brings a poll to the course, and returns what asks its question: what the demo
// has is in C, so that it needs no compiler, and this is in Go.
func (s *school) poll() (ask func()) {
	s.t.Helper()
	check := func(err error) {
		s.t.Helper()
		if err != nil {
			s.t.Fatal(err)
		}
	}
	root, out := testkit.Root(s.t), filepath.Join(s.t.TempDir(), "main.wasm")
	cmd := exec.CommandContext(s.t.Context(), "go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", out, "./examples/poll")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if said, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("build the poll: %v\n%s", err, said)
	}
	module, err := os.ReadFile(out)
	check(err)
	raw, err := os.ReadFile(filepath.Join(root, "examples/poll/extension.json"))
	check(err)
	var manifest map[string]any
	check(json.Unmarshal(raw, &manifest))
	_, err = s.Registry.Install(s.ctx, testkit.Bundle(s.t, manifest, module), extensions.Scope{Course: demoCourse})
	check(err)
	return func() {
		_, err := s.Registry.Enable(s.ctx, extensions.Enable{ID: "trellis-demo.poll", Course: demoCourse, Grants: []string{"*"},
			Settings: json.RawMessage(`{"question": "When should the weekly call be?", "answers": ["Monday, 9:00", "Wednesday, 17:00", "Friday, 14:00"]}`)})
		check(err)
		_, err = s.Learning.Enroll(s.ctx, learning.Enroll{Person: s.demo.LearnerID, Course: demoCourse})
		check(err)
	}
}

// TestPictures writes a picture of every page to the directory that
// TRELLIS_PICTURES names: wide and narrow, light and dark. It is for looking at
// them; `just pictures` runs it.
func TestPictures(t *testing.T) {
	dir := os.Getenv("TRELLIS_PICTURES")
	if dir == "" {
		t.Skip("SKIPPED the pictures: TRELLIS_PICTURES names no directory for them")
	}
	s := open(t)
	s.live()
	tabs := map[string]*browser.Tab{}
	for name, v := range s.visits() {
		tab := tabs[v.who]
		if tab == nil {
			if v.who == "" {
				tab = s.chrome.Open(t)
			} else {
				tab = s.signIn(t, v.who)
			}
			tabs[v.who] = tab
		}
		for _, width := range []int{1280, 320} {
			for _, scheme := range []string{"light", "dark"} {
				tab.Viewport(width, 900)
				tab.Look(browser.Looks()[scheme])
				tab.Go(s.URL + v.path)
				tab.Screenshot(filepath.Join(dir, fmt.Sprintf("%s-%s-%d.png", strings.ReplaceAll(name, "/", "-"), scheme, width)))
			}
		}
	}
}

// live brings what pages can show: an extension of the course that nobody has
// enabled yet, one that fails and lets nobody in, and a learner who is in.
func (s *school) live() {
	s.t.Helper()
	check := func(err error) {
		s.t.Helper()
		if err != nil {
			s.t.Fatal(err)
		}
	}
	card, err := os.ReadFile(liveCard(s.t))
	check(err)
	for _, zip := range [][]byte{card, gate(s.t, "1.0.0")} {
		_, err := s.Registry.Install(s.ctx, zip, extensions.Scope{Course: demoCourse})
		check(err)
	}
	s.enrol("nora")
	_, err = s.Learning.Enroll(s.ctx, learning.Enroll{Person: s.demo.LearnerID, Course: demoCourse})
	check(err)
	_, err = s.Registry.Enable(s.ctx, extensions.Enable{ID: "acme.gate", Course: demoCourse, Grants: []string{}})
	check(err)
	_, err = s.Registry.Install(s.ctx, gate(s.t, "1.1.0"), extensions.Scope{Course: demoCourse})
	check(err)
	_, said := s.enrol("otto") // is refused
	var problem struct{ Instance string }
	check(json.Unmarshal([]byte(said), &problem))
	s.facts.refused = strings.TrimPrefix(problem.Instance, "urn:trace:")
	for range 3 { // a page in which something crashes
		s.Do(s.t, s.demo.Learner, "GET", in(""), "")
	}
	testkit.Eventually(s.t, "a crash in the log", func() bool {
		lines, err := s.Registry.Logs(s.ctx, extensions.LogQuery{ID: "acme.gate", Course: demoCourse, Level: "error"})
		check(err)
		if len(lines.Items) > 0 {
			s.facts.failed = lines.Items[0].Trace
		}
		return s.facts.failed != ""
	})
	token, err := s.Learning.CreateToken(s.ctx, learning.CreateToken{Person: s.demo.StaffID, Name: "a script"})
	check(err)
	s.facts.token = token.ID
	_, err = s.Registry.Trust(app.System(s.t.Context(), trellis.PlatformTenant), "acme", base64.StdEncoding.EncodeToString(make([]byte, ed25519.PublicKeySize)))
	check(err)
	s.facts.event = s.Events(s.t, s.ctx, "org.openedx.learning.course.enrollment.created.v1")[0].ID
}
