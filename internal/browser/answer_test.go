//go:build browser

package browser_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/browser"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// TestAnswerStays: what an action answers is there when the slot is made again,
// until the next action of that slot.
func TestAnswerStays(t *testing.T) {
	c := &course{inside: func(version int) string {
		return fmt.Sprintf(`<section class="slot" id="slot-a" aria-label="Poll" tabindex="-1"><div class="tr-card"><p>Version %d</p></div>
<form method="post" action="/" data-action><button class="button">Vote</button></form></section>`, version)
	}}
	handlers := c.handlers()
	posts := 0
	handlers["POST /{$}"] = func(w http.ResponseWriter, _ *http.Request) {
		posts++
		html(w, fmt.Sprintf(`<div class="slots" data-slots="course.sidebar.v1" id="slots-side"><section class="slot" id="slot-a" aria-label="Poll" tabindex="-1">
<div id="slot-a.notice" class="notice" data-state="ok"><p>Vote %d is in.</p></div><div class="tr-card"><p>Voted</p></div>
<form method="post" action="/" data-action><button class="button">Vote</button></form></section></div>`, posts))
	}
	s := site(t, handlers)
	tab := browser.Open(t)
	tab.Before(`const real = window.setTimeout; window.setTimeout = (f, ms, ...rest) => (ms === 60000 ? window.minute = f : real(f, ms, ...rest))`)
	tab.Go(s.URL)
	c.followed(tab)
	for i := range 2 {
		tab.Click("=Vote")
		tab.Wait(".tr-card", "Voted")
		for range 2 {
			c.change()
			tab.Wait(".tr-card", fmt.Sprintf("Version %d", get(c, func(c *course) int { return c.version })))
		}
		if got, want := tab.Text(".slots"), fmt.Sprintf("Vote %d is in.", i+1); !tab.Has("#slot-a > .notice") || tab.Text(".notice") != want {
			t.Errorf("the answer is not there any more: %q", got)
		}
		if browser.Eval[int](tab, `document.querySelectorAll(".notice").length`) != 1 {
			t.Error("there are several answers")
		}
		if got := tab.Focused(); got != "button Vote" {
			t.Errorf("the focus is on %q", got)
		}
	}
	browser.Eval[bool](tab, `(minute(), true)`)
	if tab.Has(".notice") {
		t.Error("a minute has passed")
	}
}

// TestAnswerLeavesTheFocus: the focus stays on the button of a real slot that was
// pressed, the first time and again.
func TestAnswerLeavesTheFocus(t *testing.T) {
	s := open(t)
	bundle := testkit.Bundle(t, map[string]any{
		"id": "acme.bell", "version": "1.0.0", "abi": 1, "title": "Bell", "permissions": []string{},
		"slots": []any{map[string]any{"slot": "course.sidebar.v1", "call": "card", "actions": []string{"ring"}}},
	}, testkit.Guest(map[string]func(*testkit.Code){
		"card": func(c *testkit.Code) {
			c.Answer(`{"kind":"card","title":"Bell","children":[{"kind":"button","text":"Ring","action":"ring"}]}`)
		},
		"ring": func(c *testkit.Code) { c.Answer(`{"message":"It rang."}`) },
	}))
	if _, err := s.Registry.Install(s.ctx, bundle, extensions.Scope{Course: demoCourse}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Registry.Enable(s.ctx, extensions.Enable{ID: "acme.bell", Course: demoCourse, Grants: []string{}}); err != nil {
		t.Fatal(err)
	}
	tab := s.signIn(t, "learner")
	tab.Go(s.URL + in(""))
	tab.Wait(slot("acme.bell"), "Bell")
	browser.Eval[bool](tab, `(document.querySelector("[data-extension='acme.bell'] button").same = true)`)
	for range 2 {
		tab.Focus("=Ring")
		browser.Announced(t, tab, "It rang.", func() { tab.Press("Enter") })
		tab.Wait(slot("acme.bell")+" > .notice", "It rang.")
		if got := tab.Focused(); got != "button Ring" {
			t.Errorf("the focus is on %q", got)
		}
		if !browser.Eval[bool](tab, `document.activeElement.same === true`) {
			t.Error("it is not the button that was pressed")
		}
	}
}
