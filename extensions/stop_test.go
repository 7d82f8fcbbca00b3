package extensions_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
)

// TestStop: the kill switch stops an extension wherever it is enabled, its check
// ends, and undoing it brings back exactly what was.
func TestStop(t *testing.T) {
	r := newRig(t, nil)
	a, s := admin(t, "a"), staff(t, "a", here)
	r.install(t, a, pack(t, "acme.x", "1.0.0", names), "")
	r.enable(t, a, "acme.x", there, "", "kv")
	r.enable(t, s, "acme.x", here, "", "kv")
	before, err := r.Get(a, "acme.x", extensions.Scope{})
	must(t, err)
	if _, err := r.call(a, here); err != nil {
		t.Fatal(err)
	}
	kind(t, "staff", second(r.Stop(s, extensions.Stopping{ID: "acme.x"})), trellis.Denied, "staff switch it off")
	kind(t, "another tenant", second(r.Stop(admin(t, "b"), extensions.Stopping{ID: "acme.x"})), trellis.NotFound)
	kind(t, "a long reason", second(r.Stop(a, extensions.Stopping{ID: "acme.x", Reason: strings.Repeat("x", 501)})), trellis.Invalid, "500")

	x, err := r.Stop(a, extensions.Stopping{ID: "acme.x", Reason: "It asks too much."})
	must(t, err)
	if x.State != "stopped" || x.Reason != "It asks too much." || x.StoppedBy != "person:admin" || x.Stopped.IsZero() {
		t.Errorf("stopped: %+v", x)
	}
	if len(r.hooks(a, here))+len(r.hooks(a, there)) != 0 {
		t.Error("its check goes on")
	}
	if now := at(t, x, here); now.State != "on" || !reflect.DeepEqual(now.Grants, at(t, before, here).Grants) {
		t.Errorf("where it is enabled is not kept: %+v", now)
	}
	kind(t, "staff enable it again", second(r.Enable(s, extensions.Enable{ID: "acme.x", Course: here, Grants: []string{"kv"}})), trellis.Conflict, "switched off for everybody")
	if again, err := r.Stop(as(t, "a", "other", trellis.Role{Name: trellis.RoleTenantAdmin}), extensions.Stopping{ID: "acme.x"}); err != nil || again.StoppedBy != "person:admin" {
		t.Errorf("stopped twice: %+v, %v", again, err)
	}

	x, err = r.Resume(a, "acme.x", "")
	must(t, err)
	if x.State != "installed" || x.Reason != "" || x.StoppedBy != "" || !x.Stopped.IsZero() || !reflect.DeepEqual(x.Enabled, before.Enabled) {
		t.Errorf("resumed: %+v, was %+v", x, before)
	}
	if len(r.hooks(a, here)) != 1 || len(r.hooks(a, there)) != 1 {
		t.Error("it does not go on")
	}
	if got := r.events(t, a, extensions.Disabled.Name()); len(got) != 1 || !strings.Contains(string(got[0].Data), "asks too much") {
		t.Errorf("events %v", got)
	}
}

// TestSentBack: staff read why, until they ask again.
func TestSentBack(t *testing.T) {
	r := newRig(t, nil)
	a, s := admin(t, "a"), staff(t, "a", here)
	r.install(t, s, pack(t, "acme.x", "1.0.0", names), here)
	r.enable(t, s, "acme.x", here, "", "*")
	x, err := r.Reject(a, extensions.Rejecting{ID: "acme.x", Course: here, Reason: "Names are not for a poll."})
	must(t, err)
	if e := at(t, x, here); e.State != "off" || e.Refusal != "Names are not for a poll." {
		t.Errorf("sent back: %+v", e)
	}
	if e := at(t, r.enable(t, s, "acme.x", here, "", "*"), here); e.State != "waiting" || e.Refusal != "" {
		t.Errorf("asked again: %+v", e)
	}
	kind(t, "a reason with control characters", second(r.Reject(a, extensions.Rejecting{ID: "acme.x", Course: here, Reason: "a\x00"})), trellis.Invalid)
}
