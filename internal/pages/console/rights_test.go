package console_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/pagestest"
)

// TestApprovals: what is approved is what was shown, and what is sent back has a
// reason that the staff can read.
func TestApprovals(t *testing.T) {
	s := openBureau(t)
	b := s.signedIn()
	b.Get("/console/approvals").Want(200, "Nothing waits for approval.")
	for _, id := range []string{"tea.poll", "tea.quiz"} {
		_, err := s.Registry.Install(s.asStaff(), s.bundle(id, hostileTitle(s), "{}", "kv", "pii:name", "pii:email"), extensions.Scope{Course: logicOne})
		s.must(err)
		_, err = s.Registry.Enable(s.asStaff(), extensions.Enable{ID: id, Course: logicOne, Grants: []string{"kv", "pii:name"}})
		s.must(err)
	}
	quiet(b.Get("/console/approvals").Want(200, "Needs your approval", "See people's names", "Runs without: See people's email addresses", "Waits for a moment", "May refuse or change"))
	if cards := b.Texts("article"); len(cards) != 2 || !strings.Contains(cards[0], "tea.poll") {
		t.Errorf("not the oldest first: %q", cards)
	}
	// Meanwhile the staff ask for more: what was looked at is no longer it.
	first := b.Forms("/t/demo/console/approvals")[0]
	_, err := s.Registry.Enable(s.asStaff(), extensions.Enable{ID: "tea.poll", Course: logicOne, Grants: []string{"*"}})
	s.must(err)
	b.Press(first, "approve", nil).Want(409, "Nothing was decided", "look again")
	poll := b.FormOf("id", "tea.poll")
	b.Press(poll, "back", nil).Want(400, "Say why, so that the course's staff know what to change.")
	quiet(b.Press(b.FormOf("id", "tea.poll"), "back", pagestest.Fields{"reason": hostile[:60] + " too many names"}).Want(200, "was sent back"))
	x := sure(s.Registry.Get(s.asStaff(), "tea.poll", extensions.Scope{Course: logicOne}))
	if e := x.Enabled[0]; e.State != "off" || !strings.HasSuffix(e.Refusal, "too many names") {
		t.Errorf("sent back: %+v", e)
	}
	// Or they put another bundle under the same version in its place.
	quiz := b.FormOf("id", "tea.quiz")
	s.must(s.Registry.Uninstall(s.asStaff(), "tea.quiz", extensions.Scope{Course: logicOne}))
	_, err = s.Registry.Install(s.asStaff(), s.bundle("tea.quiz", hostileTitle(s), `{"other":1}`, "kv", "pii:name", "pii:email"), extensions.Scope{Course: logicOne})
	s.must(err)
	_, err = s.Registry.Enable(s.asStaff(), extensions.Enable{ID: "tea.quiz", Course: logicOne, Grants: []string{"kv", "pii:name"}})
	s.must(err)
	b.Press(quiz, "approve", nil).Want(409, "Nothing was decided", "since you looked")
	b.Press(b.FormOf("id", "tea.quiz"), "approve", nil).Want(200, "runs in "+logicOne+" now.", "Nothing waits for approval.")
	x = sure(s.Registry.Get(s.asStaff(), "tea.quiz", extensions.Scope{Course: logicOne}))
	if e := x.Enabled[0]; e.State != "on" || !slices.Equal(e.Grants, []string{"kv", "pii:name"}) {
		t.Errorf("approved: %+v", e)
	}
	b.Submit("Switch it off there", nil).Want(200, "is off in "+logicOne)
}

// TestSelfServicePage: what is ticked holds, faults stand at the field, and an undo
// brings back what was.
func TestSelfServicePage(t *testing.T) {
	s := openBureau(t)
	b := s.signedIn()
	set := func() []string { return sure(s.Registry.SelfService(s.ctx)).Permissions }
	usual := set()
	b.Get("/console/self-service").Want(200, "This is the usual set of the platform.", "See people's names")
	b.Submit("Save self-service", pagestest.Fields{"permission": []string{"kv"}, "hosts": "no host!"}).Want(400, "There is a problem")
	b.Submit("Save self-service", pagestest.Fields{"permission": []string{"kv", "pii:name"}, "hosts": "api.example.org\n*.example.net"}).Want(200, "from now on", "This school has a set of its own.", "api.example.org")
	if got := set(); !slices.Equal(got, []string{"http:*.example.net", "http:api.example.org", "kv", "pii:name"}) {
		t.Errorf("the set is %v", got)
	}
	b.Submit("Undo", nil).Want(200, "This is the usual set")
	if got := set(); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(usual))) {
		t.Errorf("undone: %v, was %v", got, usual)
	}
	b.Submit("Save self-service", pagestest.Fields{"permission": []string{}}).Want(200, "Back to the usual set")
	b.Submit("Back to the usual set", nil).Want(200, "This is the usual set")
}

// TestKeysPage: operators trust a key by text or file, and let go of it with an undo;
// administrators of a tenant see the list.
func TestKeysPage(t *testing.T) {
	s := openBureau(t)
	pagestest.Account(t, s.Platform, trellis.PlatformTenant, "op", learning.Assign{Role: trellis.RoleOperator})
	b := pagestest.Browse(t, s.Platform).SignIn("demo", "op", pagestest.Password)
	pub, _, err := ed25519.GenerateKey(nil)
	s.must(err)
	key := base64.StdEncoding.EncodeToString(pub)
	b.Get("/console/keys").Want(200, "No publisher is trusted yet.")
	b.Submit("Trust this key", nil).Want(400).Fault("publisher", "Say whose key it is: the first half of the IDs of the extensions.")
	b.Submit("Trust this key", pagestest.Fields{"publisher": "acme", "key": "nonsense"}).Want(400)
	if b.Has("Extensions of acme are taken") || pagestest.Attr(b.Find("#field-publisher")[0], "value") != "acme" {
		t.Errorf("what was entered is lost: %s", b.Text())
	}
	b.Submit("Trust this key", pagestest.Fields{"key": "", "file": pagestest.File{Name: "acme.pub", Data: []byte(key + "\n")}}).Want(200, "Extensions of acme are taken", key)
	pagestest.Browse(t, s.Platform).SignIn("demo", "ada", pagestest.Password).Get("/console/keys").Want(200, key).Lacks("Trust this key", "Trust no longer")
	b.Get("/console/keys").Follow("Trust no longer acme").Want(200, "stays and runs on", "Keep it")
	b.Submit("Trust it no longer", nil).Want(200, "trusted no longer", "No publisher is trusted yet.")
	b.Submit("Undo", nil).Want(200, key)
}
