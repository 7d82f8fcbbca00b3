package extensions_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/extensions/bundle"
)

// TestUpgrade: a version that asks for no more takes effect at once; one that does
// waits for consent, and what runs goes on.
func TestUpgrade(t *testing.T) {
	hears := func(on string) map[string]any {
		return map[string]any{"events": []any{map[string]any{"on": on, "call": "check"}}}
	}
	filter := func(onError string) map[string]any {
		return map[string]any{"filters": []any{map[string]any{"on": asked.Name(), "call": "check", "on_error": onError}}}
	}
	schedule := func(cron string) map[string]any {
		return map[string]any{"schedules": []any{map[string]any{"name": "n", "cron": cron, "call": "check"}}}
	}
	r := newRig(t, nil)
	for i, tt := range []struct {
		name      string
		old, next map[string]any
		waits     bool
	}{
		{"the same", nil, nil, false},
		{"a permission", nil, map[string]any{"permissions": []string{"kv"}}, true},
		{"a permission less", map[string]any{"permissions": []string{"kv"}}, nil, false},
		{"an event", nil, hears(happened.Name()), true},
		{"an event of those that it hears", hears("org.trellis.extension.*"), hears(extensions.Enabled.Name()), false},
		{"more events", hears(extensions.Enabled.Name()), hears("org.trellis.extension.*"), true},
		{"a filter", map[string]any{"filters": []any{}, "events": hears(happened.Name())["events"]}, hears(happened.Name()), true},
		{"a filter that opens a door", filter("refuse"), filter("skip"), true},
		{"a schedule", nil, schedule("* * * * *"), true},
		{"a schedule at other times", schedule("0 3 * * *"), schedule("* * * * *"), true},
		{"settings that do not fit", map[string]any{"settings": map[string]any{"type": "object", "properties": map[string]any{"s": map[string]any{"type": "string"}}}}, nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := admin(t, "t"+string(rune('a'+i)))
			r.install(t, ctx, pack(t, "acme.x", "1.0.0", tt.old, answers(`"old"`)), "")
			settings := "{}"
			if tt.old["settings"] != nil {
				settings = `{"s":"x"}`
			}
			r.enable(t, ctx, "acme.x", "", settings, "*")
			x := r.install(t, ctx, pack(t, "acme.x", "1.1.0", tt.next, answers(`"next"`)), "")
			if (x.Pending == "1.1.0") != tt.waits || (x.Version == "1.1.0") == tt.waits {
				t.Errorf("version %s, pending %q, want it to wait: %v", x.Version, x.Pending, tt.waits)
			}
			if (len(x.PendingAsks) > 0) != tt.waits || (x.PendingFor != "") != tt.waits {
				t.Errorf("it waits because %q, and asks for %+v", x.PendingFor, x.PendingAsks)
			}
			if n := len(r.events(t, ctx, extensions.ConsentAsked.Name())); (n == 1) != tt.waits {
				t.Errorf("%d events that consent is asked", n)
			}
			if tt.waits {
				x, err := r.Consent(ctx, "acme.x", extensions.Scope{}, []string{})
				must(t, err)
				if x.Version != "1.1.0" || x.Previous != "1.0.0" || x.Pending != "" {
					t.Errorf("after consent %+v", x)
				}
			}
			x, err := r.Rollback(ctx, "acme.x", extensions.Scope{})
			must(t, err)
			if x.Version != "1.0.0" || x.Previous != "" {
				t.Errorf("rolled back to %s, before that %q", x.Version, x.Previous)
			}
			_, err = r.Rollback(ctx, "acme.x", extensions.Scope{})
			kind(t, "two steps back", err, trellis.Conflict, "no version")
		})
	}
}

// TestRollbackShowsWhatHolds: after a rollback nothing is shown as granted that the
// version does not ask for; when the newer one is back, it has what it was granted.
func TestRollbackShowsWhatHolds(t *testing.T) {
	r := newRig(t, nil)
	a := admin(t, "a")
	next := pack(t, "acme.x", "1.1.0", map[string]any{"permissions": []string{"kv", "users:read"}})
	r.install(t, a, pack(t, "acme.x", "1.0.0", map[string]any{"permissions": []string{"kv"}}), "")
	r.enable(t, a, "acme.x", "", "", "*")
	r.install(t, a, next, "")
	x, err := r.Consent(a, "acme.x", extensions.Scope{}, []string{"*"})
	must(t, err)
	if got := at(t, x, "").Grants; !slices.Equal(got, []string{"kv", "users:read"}) {
		t.Errorf("granted %v", got)
	}
	x, err = r.Rollback(a, "acme.x", extensions.Scope{})
	must(t, err)
	if got := at(t, x, "").Grants; !slices.Equal(got, []string{"kv"}) {
		t.Errorf("granted %v after the rollback", got)
	}
	r.install(t, a, next, "")
	x, err = r.Consent(a, "acme.x", extensions.Scope{}, []string{"*"})
	must(t, err)
	if got := at(t, x, "").Grants; !slices.Equal(got, []string{"kv", "users:read"}) {
		t.Errorf("granted %v when it is back", got)
	}
}

// TestVersions: what has a version keeps it.
func TestVersions(t *testing.T) {
	r := newRig(t, nil)
	a := admin(t, "a")
	r.install(t, a, pack(t, "acme.x", "1.1.0", nil, answers(`1`)), "")
	for _, tt := range []struct {
		name, version, answer string
		want                  trellis.Kind
		says                  string
	}{
		{"the same again", "1.1.0", `1`, "", ""},
		{"other contents", "1.1.0", `2`, trellis.Conflict, "other contents"},
		{"older", "1.0.9", `2`, trellis.Conflict, "is older than"},
		{"older before a release", "1.1.0-rc.1", `2`, trellis.Conflict, "is older than"},
		{"newer", "1.1.1-rc.10", `3`, "", ""},
		{"newer still", "1.1.1-rc.9", `4`, trellis.Conflict, "is older than"},
	} {
		_, err := r.Install(a, pack(t, "acme.x", tt.version, nil, answers(tt.answer)), extensions.Scope{})
		kind(t, tt.name, err, tt.want, tt.says)
	}
	kind(t, "no consent is asked", second(r.Consent(a, "acme.x", extensions.Scope{}, []string{"*"})), trellis.Conflict, "waits")
	// After a rollback the newer one can come again.
	must(t, second(r.Rollback(a, "acme.x", extensions.Scope{})))
	if x := r.install(t, a, pack(t, "acme.x", "1.1.1-rc.10", nil, answers(`3`)), ""); x.Version != "1.1.1-rc.10" || x.Previous != "1.1.0" {
		t.Errorf("again: %+v", x)
	}
}

// TestConsentKeepsWhatWasWithheld: consent grants what is new, and what was
// withheld in one place stays so.
func TestConsentKeepsWhatWasWithheld(t *testing.T) {
	r := newRig(t, nil)
	a := admin(t, "a")
	r.install(t, a, pack(t, "acme.x", "1.0.0", map[string]any{"permissions": []string{"kv", "users:read", "pii:email"}}), "")
	r.enable(t, a, "acme.x", "", "", "kv", "users:read", "pii:email")
	r.enable(t, a, "acme.x", here, "", "kv", "users:read")
	r.install(t, a, pack(t, "acme.x", "1.1.0", map[string]any{"permissions": []string{"kv", "users:read", "pii:email", "pii:name"}}), "")
	x, err := r.Consent(a, "acme.x", extensions.Scope{}, []string{"users:read", "pii:email", "pii:name"}) // kv is taken away
	must(t, err)
	for course, want := range map[string][]string{"": {"users:read", "pii:email", "pii:name"}, here: {"users:read", "pii:name"}} {
		if got := at(t, x, course).Grants; !slices.Equal(got, want) {
			t.Errorf("in %q: %v, want %v", course, got, want)
		}
	}
	if len(r.hooks(a, here)) != 1 {
		t.Error("what those who run the tenant granted in a course waits")
	}
}

// TestSettingsThatDoNotFit: where the settings do not fit the version that runs,
// the hook fails: its defaults could open a door that a setting closed.
func TestSettingsThatDoNotFit(t *testing.T) {
	r := newRig(t, nil)
	a := admin(t, "a")
	schema := func(name string) map[string]any {
		return map[string]any{"settings": map[string]any{"type": "object", "properties": map[string]any{name: map[string]any{"type": "boolean", "default": false}}}}
	}
	r.install(t, a, pack(t, "acme.x", "1.0.0", schema("closed")), "")
	r.enable(t, a, "acme.x", "", `{"closed":true}`)
	x := r.install(t, a, pack(t, "acme.x", "2.0.0", schema("shut")), "")
	if x.Pending != "2.0.0" {
		t.Errorf("version %s runs", x.Version)
	}
	x, err := r.Consent(a, "acme.x", extensions.Scope{}, []string{})
	must(t, err)
	_, err = r.call(a, here)
	kind(t, "call", err, trellis.Unavailable, "settings", `"closed"`)
	if e := at(t, x, ""); e.Fault == "" {
		t.Errorf("the fault is not shown: %+v", e)
	}
	must(t, second(r.Set(a, "acme.x", "", json.RawMessage(`{"shut":true}`))))
	if out, err := r.call(a, here); err != nil || out != "{}" {
		t.Errorf("%s, %v", out, err)
	}
}

// TestTrust: a publisher is bound to the first key that was trusted for it, for
// good or until an operator lets it go; unsigned bundles need a setting.
func TestTrust(t *testing.T) {
	keyOne, pubOne, err := bundle.GenerateKey()
	must(t, err)
	keyTwo, pubTwo, err := bundle.GenerateKey()
	must(t, err)
	zip := pack(t, "acme.x", "1.0.0", nil)
	a := admin(t, "a")
	try := func(t *testing.T, r *rig, what string, zip []byte, want trellis.Kind, says string) {
		t.Helper()
		_, err := r.Install(a, zip, extensions.Scope{})
		kind(t, what, err, want, says)
		if err == nil {
			must(t, r.Uninstall(a, "acme.x", extensions.Scope{}))
		}
	}
	for _, unsigned := range []bool{false, true} {
		r := newRig(t, func(c *extensions.Config) { c.Unsigned = unsigned })
		want := trellis.Kind("")
		if !unsigned {
			want = trellis.Denied
		}
		try(t, r, "unsigned", zip, want, "not signed")
		try(t, r, "by a stranger", signed(t, zip, keyOne), want, "to be trusted")
		_, err := r.Trust(a, "acme", bundle.EncodeKey(pubOne))
		kind(t, "trusted by an admin", err, trellis.Denied)
		_, err = r.Trust(operator(t), "acme", bundle.EncodeKey(pubOne))
		must(t, err)
		must(t, second(r.Trust(operator(t), "acme", bundle.EncodeKey(pubOne)))) // the same again
		_, err = r.Trust(operator(t), "acme", bundle.EncodeKey(pubTwo))
		kind(t, "another key", err, trellis.Conflict, "bound to another key")
		try(t, r, "signed", signed(t, zip, keyOne), "", "")
		try(t, r, "with another key", signed(t, zip, keyTwo), trellis.Denied, "bound to the key "+bundle.Fingerprint(pubOne))
		try(t, r, "with the signature left off", zip, trellis.Denied, "not signed")
		try(t, r, "tampered with", tampered(t, signed(t, zip, keyOne)), trellis.Invalid, "changed after it was signed")
		if keys, err := r.Keys(a); err != nil || len(keys) != 1 || keys[0].Fingerprint != bundle.Fingerprint(pubOne) {
			t.Errorf("keys %+v, %v", keys, err)
		}
		kind(t, "let go by an admin", r.Distrust(a, "acme"), trellis.Denied)
		must(t, r.Distrust(operator(t), "acme"))
		kind(t, "let go twice", r.Distrust(operator(t), "acme"), trellis.NotFound)
		try(t, r, "of a publisher that was let go", signed(t, zip, keyOne), want, "to be trusted")
	}
	r := newRig(t, nil)
	for _, p := range []string{"org", "trellis", "Acme", "a.b", ""} {
		kind(t, "publisher "+p, second(r.Trust(operator(t), p, bundle.EncodeKey(pubOne))), trellis.Invalid)
		if _, err := bundle.ReadManifest([]byte(`{"id":"` + p + `.x","version":"1.0.0","abi":1,"title":"X","events":[{"on":"a.b","call":"c"}]}`)); err == nil {
			t.Errorf("the publisher %q is taken", p)
		}
	}
	for _, k := range []string{"", "x", "AAAA", string(keyOne)} {
		kind(t, "key "+k, second(r.Trust(operator(t), "acme", k)), trellis.Invalid)
	}
}

// tampered changes a file of a signed bundle and leaves the signature.
func tampered(t testing.TB, zip []byte) []byte {
	t.Helper()
	b, err := read(zip)
	must(t, err)
	sig, err := json.Marshal(b.Signature)
	must(t, err)
	b.Files["signature.json"], b.Files["assets/added.txt"] = sig, []byte("x")
	return archive(t, b.Files)
}

// TestAudit: each change has its line in the audit log, in its own transaction,
// with who did it.
func TestAudit(t *testing.T) {
	r := newRig(t, nil)
	a, s := admin(t, "a"), staff(t, "a", here)
	wants := map[string]any{"permissions": []string{"pii:name"}, "secrets": []any{map[string]any{"name": "key", "title": "Key"}}}
	_, public, err := bundle.GenerateKey()
	must(t, err)
	must(t, second(r.Install(r.api.Audited(a, "extensions.install", ""), pack(t, "acme.x", "1.0.0", wants), extensions.Scope{})))
	must(t, second(r.Install(r.api.Audited(s, "extensions.install", here), pack(t, "acme.own", "1.0.0", wants), extensions.Scope{Course: here})))
	more := map[string]any{"permissions": []string{"pii:name", "kv"}, "secrets": wants["secrets"]}
	for _, do := range []struct {
		ctx      context.Context
		name, in string
	}{
		{a, "extensions.enable", `{"id":"acme.x","grants":["*"]}`},
		{a, "extensions.configure", `{"id":"acme.x","settings":{}}`},
		{a, "extensions.set_secret", `{"id":"acme.x","name":"key","value":"sesame"}`},
		{a, "extensions.disable", `{"id":"acme.x"}`},
		{s, "extensions.enable", `{"id":"acme.own","course":"` + here + `","grants":["*"]}`},
		{a, "extensions.approve", `{"id":"acme.own","course":"` + here + `"}`},
		{s, "extensions.enable", `{"id":"acme.own","course":"` + here + `","grants":["*"]}`},
		{a, "extensions.reject", `{"id":"acme.own","course":"` + here + `"}`},
		{a, "", ""}, // a version that asks for more
		{a, "extensions.consent", `{"id":"acme.x","grants":["kv"]}`},
		{a, "extensions.rollback", `{"id":"acme.x"}`},
		{a, "extensions.set_self_service", `{"permissions":["kv"]}`},
		{a, "extensions.uninstall", `{"id":"acme.x"}`},
		{operator(t), "keys.trust", `{"publisher":"acme","key":"` + bundle.EncodeKey(public) + `"}`},
		{operator(t), "keys.distrust", `{"publisher":"acme"}`},
	} {
		if do.name == "" {
			r.install(t, a, pack(t, "acme.x", "1.1.0", more), "")
			continue
		}
		before := r.audit(t, do.ctx, do.name)
		if _, err := r.api.Serve(do.ctx, "http", do.name, []byte(do.in)); err != nil {
			t.Fatalf("%s: %v", do.name, err)
		}
		lines := r.audit(t, do.ctx, do.name)
		if len(lines) != len(before)+1 || lines[0].Outcome != "ok" || lines[0].Actor != trellis.ActorFrom(do.ctx).String() {
			t.Errorf("%s: %+v", do.name, lines)
		}
		for _, l := range lines {
			if raw, _ := json.Marshal(l); strings.Contains(string(raw), "sesame") {
				t.Errorf("a secret is in the audit log: %s", raw)
			}
		}
	}
	if n := len(r.audit(t, a, "extensions.install")); n != 2 {
		t.Errorf("%d lines for two installations", n)
	}
	// What was denied is there as well, and what failed leaves no line that says ok.
	_, err = r.api.Serve(s, "http", "extensions.enable", []byte(`{"id":"acme.own","grants":[]}`))
	if trellis.KindOf(err) == "" {
		t.Error("course staff enabled something for the tenant")
	}
	if lines := r.audit(t, a, "extensions.enable"); lines[0].Outcome != "denied" {
		t.Errorf("%+v", lines[0])
	}
	n := len(r.audit(t, a, "extensions.rollback"))
	_, err = r.api.Serve(a, "http", "extensions.rollback", []byte(`{"id":"acme.x"}`))
	kind(t, "rollback of nothing", err, trellis.NotFound)
	if got := len(r.audit(t, a, "extensions.rollback")); got != n {
		t.Error("a failed rollback is in the audit log as done")
	}
}
