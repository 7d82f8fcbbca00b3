//go:build browser

package browser_test

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/browser"
	"github.com/trellis-learning/trellis/internal/learning"
)

// visit is a page as somebody sees it.
type visit struct {
	who  string // username; "" for nobody
	path string
}

// visits returns a visit to each page that says something by itself, by the name
// of its route. The console's others are looked at in its own package, and those
// of one extension below.
func visits() map[string]visit {
	const console = "/t/demo/console"
	gate := in("/extensions/acme.gate")
	return map[string]visit{
		"login": {"", "/login"}, "problem": {"learner", "/nowhere"},
		"account": {"learner", "/account"}, "account.password": {"learner", "/account/password"},
		"account.tokens": {"staff", "/account/tokens"}, "account.tokens.new": {"staff", "/account/tokens/new"},
		"courses": {"learner", "/courses"}, "course": {"learner", in("")}, "course.team": {"staff", in("")}, "course.new": {"ada", "/courses/new"},
		"course.settings": {"staff", in("/settings")}, "course.people": {"staff", in("/people")},
		"team.extensions": {"staff", in("/extensions")}, "team.one": {"staff", gate}, "team.review": {"staff", in("/extensions/acme.live-card/review")},
		"team.settings": {"staff", gate + "/settings"}, "team.log": {"staff", gate + "/log"}, "team.uninstall": {"staff", gate + "/uninstall"},
		"console": {"operator", console}, "console.extensions": {"operator", console + "/extensions"}, "console.stop": {"operator", console + "/extensions/acme.gate/stop?course=" + url.QueryEscape(demoCourse)},
		"console.approvals": {"operator", console + "/approvals"}, "console.people": {"operator", console + "/people"}, "console.courses": {"operator", console + "/courses"},
		"console.import": {"operator", console + "/import"}, "console.jobs": {"operator", console + "/jobs"}, "console.events": {"operator", console + "/events"},
		"console.deliveries": {"operator", console + "/deliveries"}, "console.audit": {"operator", console + "/audit"}, "console.keys": {"operator", console + "/keys"},
		"console.tenants": {"operator", console + "/tenants"}, "console.tokens": {"operator", console + "/tokens"}, "console.brand": {"operator", console + "/brand"},
		"console.self_service": {"operator", console + "/self-service"},
	}
}

// readme are the pictures of README.md: as wide as they are shown there, twice as
// sharp, and the upper part of the page.
func readme() map[string]string {
	return map[string]string{"course": "course", "review": "team.review", "extensions": "team.extensions", "console": "console.extensions"}
}

// TestReadmePictures writes the pictures of README.md to the directory that
// TRELLIS_README names; `just readme-pictures` runs it.
func TestReadmePictures(t *testing.T) {
	dir := os.Getenv("TRELLIS_README")
	if dir == "" {
		t.Skip("SKIPPED the pictures of README.md: TRELLIS_README names no directory for them")
	}
	s := open(t)
	s.live()
	for name, page := range readme() {
		v := visits()[page]
		tab := s.signIn(t, v.who)
		tab.Viewport(1100, 760)
		tab.Go(s.URL + v.path)
		tab.Visible(filepath.Join(dir, name+".png"))
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
	for name, v := range visits() {
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
	card, err := os.ReadFile(liveCard(s.t))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, zip := range [][]byte{card, gate(s.t)} {
		if _, err := s.Registry.Install(s.ctx, zip, extensions.Scope{Course: demoCourse}); err != nil {
			s.t.Fatal(err)
		}
	}
	s.enrol("nora")
	if _, err := s.Learning.Enroll(s.ctx, learning.Enroll{Person: s.demo.LearnerID, Course: demoCourse}); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.Registry.Enable(s.ctx, extensions.Enable{ID: "acme.gate", Course: demoCourse, Grants: []string{}}); err != nil {
		s.t.Fatal(err)
	}
	s.enrol("otto") // is refused
	for range 3 {   // a page in which something crashes
		s.Do(s.t, s.demo.Learner, "GET", in(""), "")
	}
}
