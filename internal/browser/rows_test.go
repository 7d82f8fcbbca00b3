//go:build browser

package browser_test

import (
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/browser"
)

// TestRowsOnAPhone: of what one acts upon, the state and the button stand on a
// small screen without scrolling sideways, in every look.
func TestRowsOnAPhone(t *testing.T) {
	s := open(t)
	if _, err := s.Registry.Install(s.ctx, policyBundle(t, "1.0.0"), extensions.Scope{Course: demoCourse}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Registry.Enable(s.ctx, extensions.Enable{ID: "acme.late-policy", Course: demoCourse, Grants: []string{"*"}}); err != nil {
		t.Fatal(err)
	}
	tab := s.signIn(t, "ada")
	dir := os.Getenv("TRELLIS_PICTURES")
	for name, path := range map[string]string{"console": "/console/extensions", "course": in("/extensions"), "people": in("/people")} {
		for _, look := range []string{"light", "dark"} {
			tab.Viewport(320, 900)
			tab.Look(browser.Looks()[look])
			tab.Go(s.URL + path)
			tab.Until(`[...document.querySelectorAll(".stacks")].every(t => t.parentElement.scrollWidth <= t.parentElement.clientWidth && [...t.querySelectorAll(".badge, .button")].every(e => e.getBoundingClientRect().right <= innerWidth && e.getBoundingClientRect().width > 0))`)
			if dir != "" {
				tab.Screenshot(filepath.Join(dir, "rows-"+name+"-"+look+".png"))
			}
		}
	}
	tab.Viewport(1280, 900)
	tab.Go(s.URL + "/console/extensions")
	tab.Until(`getComputedStyle(document.querySelector(".stacks tbody tr")).display === "table-row"`)
}

// TestEmptySideTakesNoRoom: where nothing stands beside a course, its page has the
// whole width, and the side is there as soon as something comes.
func TestEmptySideTakesNoRoom(t *testing.T) {
	s := open(t)
	tab := s.signIn(t, "ada")
	tab.Viewport(1280, 900)
	tab.Go(s.URL + "/courses/" + url.PathEscape(app.ClosedDemo))
	tab.Until(`document.querySelector(".body").offsetWidth === document.querySelector(".with-side").offsetWidth`)
	tab.Until(`(document.querySelector(".side > .slots").append(document.createElement("p")), document.querySelector(".side").offsetWidth > 200)`)
}

// TestEventsOnAPhone: the tail of events is there on a small screen, in the dark too.
func TestEventsOnAPhone(t *testing.T) {
	s := open(t)
	tab := s.signIn(t, "ada")
	for _, look := range []string{"light", "dark"} {
		tab.Viewport(320, 900)
		tab.Look(browser.Looks()[look])
		tab.Go(s.URL + "/console/events")
		tab.Until(`document.querySelectorAll(".log li").length > 3 && [...document.querySelectorAll(".log li")].slice(0, 3).every(e => e.offsetHeight > 10 && getComputedStyle(e).color !== getComputedStyle(e.closest(".log")).backgroundColor)`)
		if dir := os.Getenv("TRELLIS_PICTURES"); dir != "" {
			tab.Screenshot(filepath.Join(dir, "events-"+look+".png"))
		}
	}
}
