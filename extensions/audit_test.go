package extensions_test

import (
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/hostapi"
)

// TestAuditTarget: the audit log says which extension was meant, of which course,
// whether something was done or denied.
func TestAuditTarget(t *testing.T) {
	r := newRig(t, nil)
	a := admin(t, "a")
	must(t, second(r.Install(r.api.Audited(a, "extensions.install", here), pack(t, "acme.x", "1.0.0", nil), extensions.Scope{Course: here})))
	serve := func(operation, more string) {
		t.Helper()
		_, err := r.api.Serve(a, hostapi.HTTPDoor, operation, []byte(`{"id":"acme.x","course":"`+here+`"`+more+`}`))
		must(t, err)
	}
	serve("extensions.enable", `,"grants":[]`)
	serve("extensions.disable", "")
	serve("extensions.uninstall", "")
	learner := as(t, "a", "lena", trellis.Role{Name: trellis.RoleLearner})
	_, err := r.api.Serve(learner, hostapi.HTTPDoor, "extensions.stop", []byte(`{"id":"acme.x","course":"`+here+`"}`))
	kind(t, "a learner stops it", err, trellis.Denied)
	for operation, want := range map[string]string{
		"extensions.install": "acme.x 1.0.0 " + here, "extensions.enable": "acme.x " + here, "extensions.disable": "acme.x " + here,
		"extensions.uninstall": "acme.x " + here, "extensions.stop": "acme.x " + here,
	} {
		if lines := r.audit(t, a, operation); len(lines) != 1 || lines[0].Target != want {
			t.Errorf("%s: %+v, want the target %q", operation, lines, want)
		}
	}
}
