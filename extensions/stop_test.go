package extensions_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/hostapi"
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

// TestStopHolds: course staff do not undo the kill switch, by whatever way, nor remove
// what tells why it was thrown; those who run the tenant may.
func TestStopHolds(t *testing.T) {
	r := newRig(t, nil)
	a, s, own := admin(t, "a"), staff(t, "a", here), extensions.Scope{Course: here}
	r.install(t, s, pack(t, "acme.x", "1.0.0", nil, answers(`"one"`)), here)
	r.enable(t, s, "acme.x", here, "")
	r.install(t, s, pack(t, "acme.x", "1.1.0", nil, answers(`"two"`)), here)
	stopped, err := r.Stop(a, extensions.Stopping{ID: "acme.x", Course: here, Reason: "It spies."})
	must(t, err)
	kind(t, "rollback", second(r.Rollback(s, "acme.x", own)), trellis.Denied, "ask them")
	x := r.install(t, s, pack(t, "acme.x", "1.2.0", nil, answers(`"three"`)), here)
	if x.Version != "1.1.0" || x.Pending != "1.2.0" || !strings.Contains(x.PendingFor, "switched it off") {
		t.Errorf("version %s, pending %q because %q", x.Version, x.Pending, x.PendingFor)
	}
	kind(t, "consent", second(r.Consent(s, "acme.x", own, []string{"*"})), trellis.Denied, "ask them")
	kind(t, "uninstall", r.Uninstall(s, "acme.x", own), trellis.Denied, "ask them")

	// What goes on is what was stopped.
	resume := func(digest string) error {
		return second(r.api.Serve(a, hostapi.HTTPDoor, "extensions.resume", []byte(`{"id":"acme.x","course":"`+here+`","digest":"`+digest+`"}`)))
	}
	kind(t, "resume another", resume(x.PendingDigest), trellis.Conflict, "since you looked")
	must(t, resume(stopped.Digest))
	if got, err := r.call(a, here); got != `"two"` {
		t.Errorf("%s goes on, %v", got, err)
	}
	must(t, second(r.Consent(s, "acme.x", own, []string{"*"}))) // which is theirs again

	// Removed by those who run the tenant, it stays away until they bring it.
	must(t, second(r.Stop(a, extensions.Stopping{ID: "acme.x", Course: here})))
	must(t, r.Uninstall(a, "acme.x", own))
	kind(t, "bring it again", second(r.Install(s, pack(t, "acme.x", "2.0.0", nil), own)), trellis.Denied, "ask them")
	r.install(t, staff(t, "a", there), pack(t, "acme.x", "2.0.0", nil), there) // which nobody has stopped
	r.install(t, a, pack(t, "acme.x", "2.0.0", nil), here)
	must(t, r.Uninstall(s, "acme.x", own))
	r.install(t, s, pack(t, "acme.x", "2.0.0", nil), here)
}

// TestStopOfTheTenantsHolds: what was stopped for the whole tenant no course brings
// again when it was removed.
func TestStopOfTheTenantsHolds(t *testing.T) {
	r := newRig(t, nil)
	a, s := admin(t, "a"), staff(t, "a", here)
	r.install(t, a, pack(t, "acme.x", "1.0.0", nil), "")
	must(t, second(r.Stop(a, extensions.Stopping{ID: "acme.x"})))
	must(t, r.Uninstall(a, "acme.x", extensions.Scope{}))
	kind(t, "bring it again", second(r.Install(s, pack(t, "acme.x", "1.0.0", nil), extensions.Scope{Course: here})), trellis.Denied, "ask them")
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
