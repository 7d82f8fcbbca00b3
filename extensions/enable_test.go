package extensions_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// TestNearestWins: of the tenant and the course the nearer decides, unless the
// tenant's is locked.
func TestNearestWins(t *testing.T) {
	r := newRig(t, nil)
	for i, tt := range []struct {
		name        string
		whole       string // "", on, locked, off
		course      string // "", on, off
		here, there bool
	}{
		{"nobody", "", "", false, false},
		{"tenant", "on", "", true, true},
		{"course", "", "on", true, false},
		{"both", "on", "on", true, true},
		{"off in the course", "on", "off", false, true},
		{"off in the tenant", "off", "on", true, false},
		{"off in both", "off", "off", false, false},
		{"locked over off", "locked", "off", true, true},
		{"locked over on", "locked", "on", true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tenant := "t" + strconv.Itoa(i)
			a, s := admin(t, tenant), staff(t, tenant, here)
			r.install(t, a, pack(t, "acme.x", "1.0.0", map[string]any{"settings": map[string]any{"type": "object", "properties": map[string]any{"n": map[string]any{"type": "integer", "default": 0}}}}), "")
			switch tt.course {
			case "on", "off":
				r.enable(t, s, "acme.x", here, `{"n":2}`)
			}
			if tt.course == "off" {
				if _, err := r.Disable(s, "acme.x", here); err != nil {
					t.Fatal(err)
				}
			}
			switch tt.whole {
			case "on", "off", "locked":
				_, err := r.Enable(a, extensions.Enable{ID: "acme.x", Grants: []string{}, Settings: json.RawMessage(`{"n":1}`), Locked: tt.whole == "locked"})
				must(t, err)
			}
			if tt.whole == "off" {
				if _, err := r.Disable(a, "acme.x", ""); err != nil {
					t.Fatal(err)
				}
			}
			for course, want := range map[string]bool{here: tt.here, there: tt.there} {
				if got := len(r.hooks(a, course)) == 1; got != want {
					t.Errorf("asked in %s: %v, want %v", course, got, want)
				}
			}
			if hooks := r.Filters(a, asked.Name(), here); len(hooks) == 1 {
				want := `{"n":1}`
				if tt.course == "on" && tt.whole != "locked" {
					want = `{"n":2}`
				}
				if got := string(hooks[0].Settings()); got != want {
					t.Errorf("settings %s, want %s", got, want)
				}
			}
			if tt.whole == "locked" {
				_, err := r.Enable(s, extensions.Enable{ID: "acme.x", Course: here, Grants: []string{}})
				kind(t, "enable below a lock", err, trellis.Denied, "locked")
				_, err = r.Disable(s, "acme.x", here)
				kind(t, "disable below a lock", err, trellis.Denied, "locked")
			}
			if got := r.hooks(admin(t, "b"), here); len(got) != 0 {
				t.Errorf("another tenant is asked: %v", got)
			}
		})
	}
	_, err := r.Enable(admin(t, "t0"), extensions.Enable{ID: "acme.x", Course: here, Grants: []string{}, Locked: true})
	kind(t, "a lock in a course", err, trellis.Invalid, "whole tenant")
}

// TestGrants: what is granted is said, may be less than what is asked for, never
// more, and reaches as far as the enabling.
func TestGrants(t *testing.T) {
	r := newRig(t, nil)
	a := admin(t, "a")
	r.install(t, a, pack(t, "acme.x", "1.0.0", map[string]any{"permissions": []string{"kv", "users:read", "pii:email"}},
		map[string]func(*testkit.Code){"check": func(c *testkit.Code) { c.Call("kv.get", `{"key":"k"}`); c.Result() }}), "")
	for _, tt := range []struct {
		name   string
		grants []string
		want   trellis.Kind
	}{{"not said", nil, trellis.Invalid}, {"not asked for", []string{"grades:read"}, trellis.Invalid}, {"no permission", []string{"x"}, trellis.Invalid}} {
		_, err := r.Enable(a, extensions.Enable{ID: "acme.x", Grants: tt.grants})
		kind(t, tt.name, err, tt.want, "grants")
	}
	x := r.enable(t, a, "acme.x", "", "", "users:read", "pii:email", "users:read") // kv is withheld
	if got := at(t, x, "").Grants; !slices.Equal(got, []string{"users:read", "pii:email"}) {
		t.Errorf("granted %v", got)
	}
	if out, err := r.call(a, there); err != nil || out[:16] != `{"kind":"denied"` {
		t.Errorf("without kv: %s, %v", out, err)
	}
	r.enable(t, a, "acme.x", here, "", "*")
	if out, err := r.call(a, here); err != nil || out != `{"value":null,"version":0}` {
		t.Errorf("with kv: %s, %v", out, err)
	}
	h := r.Filters(a, asked.Name(), here)[0]
	for _, g := range h.Caller("").Grants {
		if g.Course != here {
			t.Errorf("the grant %s reaches beyond the course: %+v", g.Permission, g)
		}
	}
	if !h.Granted("kv") || r.Filters(a, asked.Name(), there)[0].Granted("kv") {
		t.Error("a grant of a course counts elsewhere, or not there")
	}
}

// TestSettings: settings fit the manifest's schema, with its defaults, those of
// the course over those of the tenant.
func TestSettings(t *testing.T) {
	r := newRig(t, nil)
	a := admin(t, "a")
	r.install(t, a, pack(t, "acme.x", "1.0.0", map[string]any{"settings": map[string]any{"type": "object", "required": []string{"days"}, "properties": map[string]any{
		"days":  map[string]any{"type": "integer", "minimum": 1, "default": 2},
		"words": map[string]any{"type": "array", "items": map[string]any{"type": "string"}},
		"mode":  map[string]any{"type": "string", "enum": []string{"a", "b"}, "default": "a"},
	}}}), "")
	for _, tt := range []struct{ settings, says string }{
		{`{"dayz":1}`, `did you mean "days"?`}, {`{"days":0}`, "days"}, {`{"days":1.5}`, "days"}, {`{"days":"1"}`, "days"}, {`{"words":["a",1]}`, "words"},
		{`{"mode":"c"}`, "mode"}, {`[]`, "not a JSON object"}, {`{}}`, "after the settings"}, {`{} {}`, "after the settings"}, {`x`, "not a JSON object"},
	} {
		_, err := r.Enable(a, extensions.Enable{ID: "acme.x", Grants: []string{}, Settings: json.RawMessage(tt.settings)})
		kind(t, tt.settings, err, trellis.Invalid, tt.says)
	}
	_, err := r.Set(a, "acme.x", "", json.RawMessage(`{}`))
	kind(t, "where it is not enabled", err, trellis.Conflict, "enable it")
	r.enable(t, a, "acme.x", "", `{"words":["x"]}`)
	r.enable(t, staff(t, "a", here), "acme.x", here, `{"mode":"b"}`)
	for course, want := range map[string]string{there: `{"days":2,"mode":"a","words":["x"]}`, here: `{"days":2,"mode":"b","words":["x"]}`} {
		if got := string(r.Filters(a, asked.Name(), course)[0].Settings()); got != want {
			t.Errorf("in %s: %s, want %s", course, got, want)
		}
	}
	if _, err := r.Set(a, "acme.x", "", json.RawMessage(`{"days":5,"words":null}`)); err != nil {
		kind(t, "null", err, trellis.Invalid) // null is no list
	}
	if _, err := r.Set(a, "acme.x", "", json.RawMessage(`{"days":5}`)); err != nil {
		t.Fatal(err)
	}
	if got, want := string(r.Filters(a, asked.Name(), here)[0].Settings()), `{"days":5,"mode":"b"}`; got != want {
		t.Errorf("after the tenant changed its own: %s, want %s", got, want)
	}
}

// TestOfOthers: course staff neither see nor change what is the tenant's, or
// another course's.
func TestOfOthers(t *testing.T) {
	r := newRig(t, nil)
	a, s := admin(t, "a"), staff(t, "a", here)
	r.install(t, a, pack(t, "acme.x", "1.0.0", map[string]any{"secrets": []any{map[string]any{"name": "key", "title": "Key"}},
		"settings": map[string]any{"type": "object", "properties": map[string]any{"note": map[string]any{"type": "string"}}}}), "")
	r.enable(t, staff(t, "a", there), "acme.x", there, `{"note":"of another course"}`)
	x := r.enable(t, s, "acme.x", here, `{"note":"mine"}`)
	for what, x := range map[string]extensions.Extension{"enable": x, "list": r.List(s, hostapi.ReachOf(s, "extensions:read"))[0]} {
		if len(x.Enabled) != 1 || x.Enabled[0].Course != here {
			t.Errorf("%s shows %+v", what, x.Enabled)
		}
	}
	kind(t, "secret", r.SetSecret(s, extensions.SecretInput{ID: "acme.x", Course: here, Name: "key", Value: "x"}), trellis.NotFound)
	_, err := r.Logs(s, extensions.LogQuery{ID: "acme.x", Course: here})
	kind(t, "logs", err, trellis.NotFound)
	// Through the operations the whole tenant is out of reach as well.
	for _, op := range []struct{ name, in string }{
		{"extensions.enable", `{"id":"acme.x","grants":[]}`}, {"extensions.disable", `{"id":"acme.x"}`}, {"extensions.configure", `{"id":"acme.x","settings":{}}`},
		{"extensions.disable", `{"id":"acme.x","course":"` + there + `"}`}, {"extensions.uninstall", `{"id":"acme.x"}`}, {"extensions.rollback", `{"id":"acme.x"}`},
		{"extensions.consent", `{"id":"acme.x","grants":[]}`}, {"extensions.set_secret", `{"id":"acme.x","name":"key","value":"x"}`}, {"extensions.logs", `{"id":"acme.x"}`},
		{"extensions.get", `{"id":"acme.x"}`}, {"extensions.set_self_service", `{"permissions":["pii:email"]}`},
	} {
		if _, err := r.api.Serve(s, hostapi.HTTPDoor, op.name, []byte(op.in)); trellis.KindOf(err) != trellis.NotFound && trellis.KindOf(err) != trellis.Denied {
			t.Errorf("%s %s: %v", op.name, op.in, err)
		}
	}
	if r.count(t, a, "extension_secrets", "1 = 1") != 0 || len(r.hooks(a, there)) != 1 {
		t.Error("something of another's changed")
	}
}

// TestFrom: events from before the enabling are none of an extension's business,
// and one that was switched on already loses none by new settings.
func TestFrom(t *testing.T) {
	r := newRig(t, nil)
	a := admin(t, "a")
	r.install(t, a, pack(t, "acme.x", "1.0.0", map[string]any{"events": []any{map[string]any{"on": happened.Name(), "call": "check"}}}), "")
	from := func(course string) uint64 {
		hooks := r.Events(trellis.Event{Tenant: "a", Type: happened.Name(), Course: course})
		if len(hooks) != 1 {
			t.Fatalf("%d hooks", len(hooks))
		}
		return hooks[0].From()
	}
	before := r.db.Log().Head()
	r.enable(t, a, "acme.x", "", "")
	first := from("")
	if first < before || first > r.db.Log().Head() {
		t.Errorf("from %d, enabled after %d", first, before)
	}
	r.enable(t, a, "acme.x", "", "")
	r.enable(t, a, "acme.x", here, "")
	if from("") != first || from(here) != first {
		t.Errorf("from %d and %d, want %d still", from(""), from(here), first)
	}
	for _, do := range []func() error{
		func() error { _, err := r.Disable(a, "acme.x", ""); return err },
		func() error { r.enable(t, a, "acme.x", "", ""); return nil },
	} {
		must(t, do())
	}
	if from("") <= first {
		t.Error("what happened while it was off is delivered")
	}
	if hooks := r.Events(trellis.Event{Tenant: "b", Type: happened.Name()}); len(hooks) != 0 {
		t.Error("another tenant's events are heard")
	}
}
