package extensions_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// answers is a guest that answers with a text, so that one sees which ran.
func answers(s string) map[string]func(*testkit.Code) {
	return map[string]func(*testkit.Code){"check": func(c *testkit.Code) { c.Answer(s) }}
}

var names = map[string]any{"permissions": []string{"kv", "pii:name"}}

// TestSelfService: what course staff upload runs at once if its permissions lie
// within the tenant's self-service set, otherwise it waits in the approval list.
func TestSelfService(t *testing.T) {
	r := newRig(t, nil)
	a, s := admin(t, "a"), staff(t, "a", here)
	r.install(t, s, pack(t, "acme.x", "1.0.0", names), here)
	if x := r.enable(t, s, "acme.x", here, "", "kv"); at(t, x, here).State != "on" || len(r.hooks(a, here)) != 1 {
		t.Errorf("within self-service: %+v", x.Enabled)
	}
	if x := r.enable(t, s, "acme.x", here, "", "*"); at(t, x, here).State != "waiting" || len(r.hooks(a, here)) != 0 {
		t.Errorf("beyond self-service: %+v", x.Enabled)
	}
	if n := len(r.events(t, a, extensions.ApprovalAsked.Name())); n != 1 {
		t.Errorf("%d events that approval is asked", n)
	}
	list := r.List(a, hostapi.ReachOf(a, "extensions:read"))
	if len(list) != 1 || at(t, list[0], here).State != "waiting" || at(t, list[0], here).AskedBy != "person:staff" {
		t.Errorf("the approval list is %+v", list)
	}
	for _, ctx := range []struct {
		who string
		err error
	}{
		{"staff approve", second(r.Approve(s, "acme.x", here))}, {"staff reject", second(r.Reject(s, extensions.Rejecting{ID: "acme.x", Course: here}))},
	} {
		kind(t, ctx.who, ctx.err, trellis.Denied)
	}
	x, err := r.Approve(a, "acme.x", here)
	must(t, err)
	if e := at(t, x, here); e.State != "on" || !slices.Equal(e.Grants, []string{"kv", "pii:name"}) || len(r.hooks(a, here)) != 1 {
		t.Errorf("approved: %+v", x.Enabled)
	}
	kind(t, "twice", second(r.Approve(a, "acme.x", here)), trellis.Conflict, "does not wait")
	// Settings are the staff's own affair; more permissions are not.
	if x, err = r.Set(s, "acme.x", here, json.RawMessage("{}")); err != nil || at(t, x, here).State != "on" {
		t.Errorf("settings after approval: %+v, %v", x.Enabled, err)
	}
}

func second[T any](_ T, err error) error { return err }

// TestRejected: what was rejected is off.
func TestRejected(t *testing.T) {
	r := newRig(t, nil)
	a, s := admin(t, "a"), staff(t, "a", here)
	r.install(t, s, pack(t, "acme.x", "1.0.0", names), here)
	r.enable(t, s, "acme.x", here, "", "*")
	x, err := r.Reject(a, extensions.Rejecting{ID: "acme.x", Course: here, Reason: "Names are not for a poll."})
	must(t, err)
	if at(t, x, here).State != "off" || len(r.hooks(a, here)) != 0 {
		t.Errorf("rejected: %+v", x.Enabled)
	}
}

// TestApprovalOfWhatWasSeen: an approval counts for what was looked at.
func TestApprovalOfWhatWasSeen(t *testing.T) {
	r := newRig(t, nil)
	a, s := admin(t, "a"), staff(t, "a", here)
	r.install(t, s, pack(t, "acme.x", "1.0.0", names), here)
	r.enable(t, s, "acme.x", here, "", "pii:name")
	for _, in := range []string{`"grants":["kv"]`, `"grants":["kv","pii:name"]`, `"version":"0.9.0"`} {
		_, err := r.api.Serve(a, hostapi.HTTPDoor, "extensions.approve", []byte(`{"id":"acme.x","course":"`+here+`",`+in+`}`))
		kind(t, in, err, trellis.Conflict, "look again")
	}
	_, err := r.api.Serve(a, hostapi.HTTPDoor, "extensions.approve", []byte(`{"id":"acme.x","course":"`+here+`","grants":["pii:name"],"version":"1.0.0"}`))
	must(t, err)
}

// TestApprovalOfTheBundleThatWasSeen: a bundle that was removed and brought again
// with other contents under the same version is not the one that was looked at,
// whatever is decided about it.
func TestApprovalOfTheBundleThatWasSeen(t *testing.T) {
	r := newRig(t, nil)
	a, s := admin(t, "a"), staff(t, "a", here)
	r.install(t, s, pack(t, "acme.x", "1.0.0", names, answers(`"good"`)), here)
	seen := r.enable(t, s, "acme.x", here, "", "*")
	must(t, r.Uninstall(s, "acme.x", extensions.Scope{Course: here}))
	r.install(t, s, pack(t, "acme.x", "1.0.0", names, answers(`"bad"`)), here)
	now := r.enable(t, s, "acme.x", here, "", "*")
	if seen.Digest == "" || seen.Digest == now.Digest || seen.Installation == now.Installation {
		t.Fatalf("seen %q of %q, now %q of %q", seen.Digest, seen.Installation, now.Digest, now.Installation)
	}
	do := func(operation, field, value string) error {
		_, err := r.api.Serve(a, hostapi.HTTPDoor, operation, []byte(`{"id":"acme.x","course":"`+here+`","grants":["kv","pii:name"],"`+field+`":"`+value+`"}`))
		return err
	}
	kind(t, "approve the digest", do("extensions.approve", "digest", seen.Digest), trellis.Conflict, "since you looked")
	kind(t, "approve the installation", do("extensions.approve", "installation", seen.Installation), trellis.Conflict, "since you looked")
	kind(t, "enable the digest", do("extensions.enable", "digest", seen.Digest), trellis.Conflict, "since you looked")
	if len(r.hooks(a, here)) != 0 {
		t.Error("it runs")
	}
	must(t, do("extensions.approve", "digest", now.Digest))

	waits := r.install(t, s, pack(t, "acme.x", "1.1.0", names, answers(`"next"`)), here)
	if waits.PendingDigest == "" || waits.PendingDigest == waits.Digest {
		t.Fatalf("the digest of the version that waits is %q", waits.PendingDigest)
	}
	kind(t, "consent to the digest", do("extensions.consent", "digest", waits.Digest), trellis.Conflict, "since you looked")
	must(t, do("extensions.consent", "digest", waits.PendingDigest))
}

// TestApprovalOfWhatAnotherNodeChanged: what has changed on another node, and is not
// known here yet, is looked at again before anything is signed.
func TestApprovalOfWhatAnotherNodeChanged(t *testing.T) {
	r := newRig(t, nil)
	a, s := admin(t, "a"), staff(t, "a", here)
	r.install(t, s, pack(t, "acme.x", "1.0.0", names), here)
	r.enable(t, s, "acme.x", here, "", "*")
	r.sql(t, a, `UPDATE extension_versions SET digest = 'another'`)
	kind(t, "approve", second(r.Approve(a, "acme.x", here)), trellis.Conflict, "since you looked")
	kind(t, "enable", second(r.Enable(a, extensions.Enable{ID: "acme.x", Course: here, Grants: []string{"*"}})), trellis.Conflict, "since you looked")
	if n := r.count(t, a, "extension_approvals", "1 = 1"); n != 0 {
		t.Errorf("%d approvals are signed", n)
	}
}

// TestCounterSignature: an approval is the tenant's signature over one bundle and
// what it is granted. Neither other code nor other permissions get in by it, and
// nobody makes one without the master key.
func TestCounterSignature(t *testing.T) {
	r := newRig(t, nil)
	a, s := admin(t, "a"), staff(t, "a", here)
	install := func(version, answer string) extensions.Extension {
		return r.install(t, s, pack(t, "acme.x", version, names, answers(answer)), here)
	}
	install("1.0.0", `"one"`)
	r.enable(t, s, "acme.x", here, "", "*")
	must(t, second(r.Approve(a, "acme.x", here)))
	answer := func(want string) {
		t.Helper()
		if got, err := r.call(a, here); got != want || (want == "") != (err != nil) {
			t.Errorf("runs %s (%v), want %s", got, err, want)
		}
	}
	answer(`"one"`)

	// Course staff put other code in its place: that waits.
	if x := install("1.1.0", `"two"`); x.Version != "1.0.0" || x.Pending != "1.1.0" {
		t.Errorf("version %s, pending %q", x.Version, x.Pending)
	}
	answer(`"one"`)
	kind(t, "staff consent", second(r.Consent(s, "acme.x", extensions.Scope{Course: here}, []string{"*"})), trellis.Denied, "see people's names")
	answer(`"one"`)
	must(t, second(r.Consent(a, "acme.x", extensions.Scope{Course: here}, []string{"*"})))
	answer(`"two"`)
	must(t, second(r.Rollback(s, "acme.x", extensions.Scope{Course: here}))) // which was approved as well
	answer(`"one"`)
	must(t, second(r.Install(a, pack(t, "acme.x", "1.2.0", names, answers(`"three"`)), extensions.Scope{Course: here}))) // by those who run the tenant
	answer(`"three"`)

	r.run(t, nil)
	// Somebody with the database in hand.
	for _, tt := range []struct{ what, stmt, undo string }{
		{"other permissions", `UPDATE extension_approvals SET grants = '["kv","pii:name","pii:email"]'`, `UPDATE extension_approvals SET grants = '["kv","pii:name"]'`},
		{"another course", `UPDATE extension_approvals SET scope = 'x'`, `UPDATE extension_approvals SET scope = '` + here + `'`},
		{"no signature", `UPDATE extension_approvals SET signature = 'x' || signature`, `UPDATE extension_approvals SET signature = substr(signature, 2)`},
	} {
		r.sql(t, a, tt.stmt)
		eventually(t, tt.what, func() bool { return len(r.hooks(a, here)) == 0 })
		r.sql(t, a, tt.undo)
		eventually(t, "undone", func() bool { return len(r.hooks(a, here)) == 1 })
	}
}

// TestTightening: what runs beyond a set that became smaller waits from then on,
// and what was approved does not.
func TestTightening(t *testing.T) {
	r := newRig(t, nil)
	a, s, b := admin(t, "a"), staff(t, "a", here), admin(t, "b")
	r.install(t, s, pack(t, "acme.x", "1.0.0", names), here)
	r.install(t, s, pack(t, "acme.y", "1.0.0", names), here)
	r.enable(t, s, "acme.x", here, "", "kv")
	r.enable(t, s, "acme.y", here, "", "*")
	must(t, second(r.Approve(a, "acme.y", here)))
	kind(t, "by course staff", second(r.SetSelfService(s, extensions.SelfService{Permissions: []string{"pii:name"}})), trellis.Denied)
	kind(t, "of no permission", second(r.SetSelfService(a, extensions.SelfService{Permissions: []string{"tokens:write"}})), trellis.Invalid)
	kind(t, "of nothing said", second(r.SetSelfService(a, extensions.SelfService{})), trellis.Invalid)
	set, err := r.SetSelfService(a, extensions.SelfService{Permissions: []string{}})
	must(t, err)
	if len(set.Permissions) != 0 || !slices.Equal(r.hooks(a, here), []string{"acme.y"}) {
		t.Errorf("the set is %v, asked are %v", set, r.hooks(a, here))
	}
	if other, err := r.SelfService(b); err != nil || !slices.Contains(other.Permissions, "kv") {
		t.Errorf("another tenant's set is %v, %v", other, err)
	}
	// An upgrade by those who run the tenant approves nothing by the way.
	must(t, second(r.Install(a, pack(t, "acme.x", "1.1.0", names), extensions.Scope{Course: here})))
	if got := r.hooks(a, here); !slices.Equal(got, []string{"acme.y"}) {
		t.Errorf("asked are %v", got)
	}
	must(t, second(r.SetSelfService(a, extensions.SelfService{Permissions: []string{"kv", "pii:name"}})))
	if got := r.hooks(a, here); !slices.Equal(got, []string{"acme.x", "acme.y"}) {
		t.Errorf("asked are %v", got)
	}
}

// TestWaitingLeavesTheTenants: to ask for more in a course does not switch off
// what the tenant has there.
func TestWaitingLeavesTheTenants(t *testing.T) {
	r := newRig(t, nil)
	a, s := admin(t, "a"), staff(t, "a", here)
	r.install(t, a, pack(t, "acme.x", "1.0.0", names), "")
	r.enable(t, a, "acme.x", "", "", "kv")
	r.enable(t, s, "acme.x", here, "", "*")
	hooks := r.Filters(a, asked.Name(), here)
	if len(hooks) != 1 || hooks[0].Granted("pii:name") || !hooks[0].Granted("kv") {
		t.Errorf("hooks %v", hooks)
	}
}
