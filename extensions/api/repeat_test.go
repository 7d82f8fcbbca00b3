package api_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// TestPublicRepeats: where anybody may ask, a key of the one who asks ties together
// nothing: each account has its event and its line in the audit log, by her whose it
// is, and each login its token.
func TestPublicRepeats(t *testing.T) {
	s := open(t)
	if _, err := s.Learning.PutTenant(app.System(t.Context(), trellis.PlatformTenant), learning.PutTenant{Name: "acme", Title: "Acme", Open: true}); err != nil {
		t.Fatal(err)
	}
	const kind, key = "type=org.openedx.learning.student.registration.completed.v1", "Idempotency-Key: one"
	before := len(s.events(t, s.admin, kind))
	for _, name := range []string{"ina", "otto", "uwe"} {
		body := `{"username":"` + name + `","password":"correct horse"}`
		status, _, answer := s.send(t, s.admin, "POST", "/api/v1/register", strings.NewReader(body), key)
		var made struct{ ID string }
		if err := json.Unmarshal([]byte(answer), &made); status != 201 || err != nil || made.ID == "" {
			t.Fatalf("%s: %d %s", name, status, answer)
		}
		if status, _, answer := s.send(t, s.admin, "POST", "/api/v1/login", strings.NewReader(body), key); status != 200 {
			t.Errorf("%s signs in: %d %s", name, status, answer)
		}
		if _, line := s.Do(t, s.admin, "GET", "/api/v1/audit?operation=users.register&limit=1", ""); !strings.Contains(line, `"person:`+made.ID+`"`) {
			t.Errorf("%s: the audit log says %s", name, line)
		}
	}
	if n := len(s.events(t, s.admin, kind)) - before; n != 3 {
		t.Errorf("%d events of three accounts", n)
	}
}

// TestInstallRepeats: two bundles that are sent with one key are two.
func TestInstallRepeats(t *testing.T) {
	s := open(t)
	for _, id := range []string{"acme.one", "acme.two"} {
		bundle := testkit.Bundle(t, map[string]any{
			"id": id, "version": "1.0.0", "abi": 1, "title": "Policy",
			"filters": []any{map[string]any{"on": "org.openedx.learning.course.enrollment.started.v1", "call": "check"}},
		}, testkit.Module(t, "enrollment-policy"))
		for range 2 {
			if status, _, body := s.send(t, s.admin, "POST", "/api/v1/extensions", bytes.NewReader(bundle), "Idempotency-Key: one"); status != 201 {
				t.Fatalf("%s: %d %s", id, status, body)
			}
		}
	}
	if n := len(s.events(t, s.admin, "type="+extensions.Installed.Name())); n != 2 {
		t.Errorf("%d were installed", n)
	}
}
