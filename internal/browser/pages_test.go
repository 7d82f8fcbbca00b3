//go:build browser

package browser_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/internal/browser"
)

// visit is a page as somebody sees it.
type visit struct {
	who  string // username; "" for nobody
	path string
}

// visits returns a visit to each page, by the name of its route.
func (s *school) visits() map[string]visit {
	welcome := in("/extensions/trellis-demo.welcome-c")
	_ = welcome
	return map[string]visit{
		"login":              {"", "/login"},
		"account":            {"learner", "/account"},
		"account.password":   {"learner", "/account/password"},
		"account.tokens":     {"staff", "/account/tokens"},
		"account.tokens.new": {"staff", "/account/tokens/new"},
		"courses":            {"learner", "/courses"},
		"course":             {"learner", in("")},
		"course.new":         {"ada", "/courses/new"},
		"course.settings":    {"staff", in("/settings")},
		"course.people":      {"staff", in("/people")},
		"team.extensions":    {"staff", in("/extensions")},
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
