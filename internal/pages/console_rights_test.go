package pages_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/learning"
)

// TestApprovals: what is approved is what was shown, and what is sent back has a
// reason that the staff can read.
func TestApprovals(t *testing.T) {
	s := openBureau(t)
	b := s.signedIn()
	b.get("/console/approvals").want(200, "Nothing waits for approval.")
	for _, id := range []string{"tea.poll", "tea.quiz"} {
		_, err := s.Registry.Install(s.asStaff(), s.bundle(id, hostileTitle(s), "{}", "kv", "pii:name", "pii:email"), extensions.Scope{Course: logicOne})
		s.must(err)
		_, err = s.Registry.Enable(s.asStaff(), extensions.Enable{ID: id, Course: logicOne, Grants: []string{"kv", "pii:name"}})
		s.must(err)
	}
	b.get("/console/approvals").want(200, "Needs your approval", "See people's names", "Runs without: See people's email addresses", "Waits for a moment", "May refuse or change").quiet()
	if cards := b.texts("article"); len(cards) != 2 || !strings.Contains(cards[0], "tea.poll") {
		t.Errorf("not the oldest first: %q", cards)
	}
	// Meanwhile the staff ask for more: what was looked at is no longer it.
	first := b.forms("/t/demo/console/approvals")[0]
	_, err := s.Registry.Enable(s.asStaff(), extensions.Enable{ID: "tea.poll", Course: logicOne, Grants: []string{"*"}})
	s.must(err)
	b.press(first, "approve", nil).want(409, "Nothing was decided", "look again")
	poll := b.formOf("id", "tea.poll")
	b.press(poll, "back", nil).want(400, "Say why, so that the course's staff know what to change.")
	b.press(b.formOf("id", "tea.poll"), "back", fields{"reason": hostile[:60] + " too many names"}).want(200, "was sent back").quiet()
	x := sure(s.Registry.Get(s.asStaff(), "tea.poll", extensions.Scope{Course: logicOne}))
	if e := x.Enabled[0]; e.State != "off" || !strings.HasSuffix(e.Refusal, "too many names") {
		t.Errorf("sent back: %+v", e)
	}
	// Or they put another bundle under the same version in its place.
	quiz := b.formOf("id", "tea.quiz")
	s.must(s.Registry.Uninstall(s.asStaff(), "tea.quiz", extensions.Scope{Course: logicOne}))
	_, err = s.Registry.Install(s.asStaff(), s.bundle("tea.quiz", hostileTitle(s), `{"other":1}`, "kv", "pii:name", "pii:email"), extensions.Scope{Course: logicOne})
	s.must(err)
	_, err = s.Registry.Enable(s.asStaff(), extensions.Enable{ID: "tea.quiz", Course: logicOne, Grants: []string{"kv", "pii:name"}})
	s.must(err)
	b.press(quiz, "approve", nil).want(409, "Nothing was decided", "since you looked")
	b.press(b.formOf("id", "tea.quiz"), "approve", nil).want(200, "runs in "+logicOne+" now.", "Nothing waits for approval.")
	x = sure(s.Registry.Get(s.asStaff(), "tea.quiz", extensions.Scope{Course: logicOne}))
	if e := x.Enabled[0]; e.State != "on" || !slices.Equal(e.Grants, []string{"kv", "pii:name"}) {
		t.Errorf("approved: %+v", e)
	}
	b.submit("Switch it off there", nil).want(200, "is off in "+logicOne)
}

// TestSelfServicePage: what is ticked holds, faults stand at the field, and an undo
// brings back what was.
func TestSelfServicePage(t *testing.T) {
	s := openBureau(t)
	b := s.signedIn()
	set := func() []string { return sure(s.Registry.SelfService(s.ctx)).Permissions }
	usual := set()
	b.get("/console/self-service").want(200, "This is the usual set of the platform.", "See people's names")
	b.submit("Save self-service", fields{"permission": []string{"kv"}, "hosts": "no host!"}).want(400, "There is a problem")
	b.submit("Save self-service", fields{"permission": []string{"kv", "pii:name"}, "hosts": "api.example.org\n*.example.net"}).want(200, "from now on", "This school has a set of its own.", "api.example.org")
	if got := set(); !slices.Equal(got, []string{"http:*.example.net", "http:api.example.org", "kv", "pii:name"}) {
		t.Errorf("the set is %v", got)
	}
	b.submit("Undo", nil).want(200, "This is the usual set")
	if got := set(); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(usual))) {
		t.Errorf("undone: %v, was %v", got, usual)
	}
	b.submit("Save self-service", fields{"permission": []string{}}).want(200, "Back to the usual set")
	b.submit("Back to the usual set", nil).want(200, "This is the usual set")
}

// TestKeysPage: operators trust a key by text or file, and let go of it with an undo;
// administrators of a tenant see the list.
func TestKeysPage(t *testing.T) {
	s := openBureau(t)
	account(t, s.Platform, trellis.PlatformTenant, "op", learning.Assign{Role: trellis.RoleOperator})
	b := browse(t, s.Platform).signIn("demo", "op", password)
	pub, _, err := ed25519.GenerateKey(nil)
	s.must(err)
	key := base64.StdEncoding.EncodeToString(pub)
	b.get("/console/keys").want(200, "No publisher is trusted yet.")
	b.submit("Trust this key", nil).want(400).fault("publisher", "Say whose key it is: the first half of the IDs of the extensions.")
	b.submit("Trust this key", fields{"publisher": "acme", "key": "nonsense"}).want(400)
	if b.has("Extensions of acme are taken") || attr(b.find("#field-publisher")[0], "value") != "acme" {
		t.Errorf("what was entered is lost: %s", b.text())
	}
	b.submit("Trust this key", fields{"key": "", "file": file{"acme.pub", []byte(key + "\n")}}).want(200, "Extensions of acme are taken", key)
	browse(t, s.Platform).signIn("demo", "ada", password).get("/console/keys").want(200, key).lacks("Trust this key", "Trust no longer")
	b.get("/console/keys").follow("Trust no longer acme").want(200, "stays and runs on", "Keep it")
	b.submit("Trust it no longer", nil).want(200, "trusted no longer", "No publisher is trusted yet.")
	b.submit("Undo", nil).want(200, key)
}
