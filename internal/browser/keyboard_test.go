//go:build browser

package browser_test

import (
	"fmt"
	"testing"

	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/browser"
)

// reach presses Tab until the focus is on what a selector finds, as somebody does
// who has no mouse. The focus is seen wherever it comes.
func reach(t *testing.T, tab *browser.Tab, selector string) {
	t.Helper()
	for range 200 {
		tab.Press("Tab")
		if browser.Eval[bool](tab, fmt.Sprintf(`document.activeElement.matches(%q)`, selector)) {
			if !browser.Eval[bool](tab, `document.activeElement.matches(":focus-visible")`) {
				t.Errorf("the focus on %s is not seen", selector)
			}
			return
		}
	}
	t.Fatalf("200 times Tab do not lead to %s", selector)
}

// press reaches something and presses a key on it, which leads to another page.
func press(t *testing.T, tab *browser.Tab, selector string) {
	t.Helper()
	reach(t, tab, selector)
	tab.Leave(func() { tab.Press("Enter") })
}

// byKeyboard signs somebody in without a mouse.
func (s *school) byKeyboard(t *testing.T, username string) *browser.Tab {
	t.Helper()
	tab := s.chrome.Open(t)
	tab.Origin(s.ContentURL)
	tab.Go(s.URL + "/login")
	reach(t, tab, "#field-username")
	tab.Type("#field-username", username)
	reach(t, tab, "#field-password")
	tab.Type("#field-password", app.DemoPassword)
	tab.Leave(func() { tab.Press("Enter") })
	return tab
}

// TestKeyboard walks the story without a mouse: the course team brings an extension
// and enables it, the learner joins and leaves by the same keys, the operator
// switches something off and on again.
func TestKeyboard(t *testing.T) {
	s := open(t)
	staff := s.byKeyboard(t, "staff")
	press(t, staff, `main a[href*="Welcome"]`)
	press(t, staff, `a[href$="/extensions"]`)
	reach(t, staff, `input[type=file]`)
	staff.Upload("input[type=file]", liveCard(t)) // the chooser is the system's
	reach(t, staff, `form.drop button`)
	staff.Press("Enter")
	staff.Wait("h1", "Review")
	reach(t, staff, `main form .actions button.primary`)
	staff.Press("Enter")
	staff.Wait(".notice", "is on")

	learner := s.byKeyboard(t, "learner")
	press(t, learner, `main a[href*="Welcome"]`)
	learner.Wait(slot("acme.live-card"), "")
	demos := slot("trellis-demo.live-card-c")
	reach(t, learner, demos+` summary`)
	learner.Press("Enter")
	learner.Wait(demos+" details[open] table", "")

	if _, err := s.Registry.Install(s.ctx, gate(t, "1.0.0"), extensions.Scope{Course: demoCourse}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Registry.Enable(s.ctx, extensions.Enable{ID: "acme.gate", Course: demoCourse, Grants: []string{}}); err != nil {
		t.Fatal(err)
	}
	learner.Wait(slot("acme.gate"), "Shut today.")
	operator := s.byKeyboard(t, "operator")
	operator.Go(s.URL + "/t/demo/console")
	press(t, operator, `main nav a[href$="/console/extensions"]`)
	press(t, operator, `a[href*="acme.gate/stop"]`)
	reach(t, operator, `button.danger`)
	operator.Press("Enter")
	operator.Wait(".notice", "Gate")
	learner.Gone(slot("acme.gate"))
	reach(t, operator, `.notice button`)
	operator.Press("Enter")
	learner.Wait(slot("acme.gate"), "Shut today.")
}
