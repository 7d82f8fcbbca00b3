package extensions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// TestInstallation: an installation is (tenant, owner, ID): what one keeps, no
// other reads, whatever it is called.
func TestInstallation(t *testing.T) {
	r := newRig(t, nil)
	a, b, inHere := admin(t, "a"), admin(t, "b"), staff(t, "a", here)
	keep := func(value string) []byte {
		return pack(t, "acme.x", "1.0.0", map[string]any{"permissions": []string{"kv"}, "secrets": []any{map[string]any{"name": "key", "title": "Key"}},
			"events": []any{map[string]any{"on": happened.Name(), "call": "keep"}}},
			map[string]func(*testkit.Code){
				"check": func(c *testkit.Code) { c.Call("kv.get", `{"key":"k"}`); c.Result() },
				"keep": func(c *testkit.Code) {
					c.Call("kv.set", `{"key":"k","value":"`+value+`"}`)
					c.Call("secrets.get", `{"name":"key"}`)
					c.Result()
				},
			})
	}
	courses := r.install(t, inHere, keep("of the course"), here)
	if again := r.install(t, inHere, keep("of the course"), here); again.Installation != courses.Installation {
		t.Errorf("the same bundle again is another installation: %+v", again)
	}
	r.install(t, a, keep("of tenant a"), "")
	r.install(t, b, keep("of tenant b"), "")
	r.enable(t, inHere, "acme.x", here, "", "kv")
	r.enable(t, a, "acme.x", "", "", "kv")
	r.enable(t, b, "acme.x", "", "", "kv")
	must(t, r.SetSecret(inHere, extensions.SecretInput{ID: "acme.x", Course: here, Name: "key", Value: "secret of the course"}))
	must(t, r.SetSecret(a, extensions.SecretInput{ID: "acme.x", Name: "key", Value: "secret of a"}))

	seen := map[string]bool{}
	for _, tt := range []struct {
		tenant, course, value, secret string
	}{{"a", here, "of the course", "secret of the course"}, {"a", there, "of tenant a", "secret of a"}, {"b", there, "of tenant b", "not_found"}} {
		for _, h := range r.Events(trellis.Event{Tenant: tt.tenant, Type: happened.Name(), Course: tt.course}) {
			if h.Course() != "" == (tt.course != here) {
				continue // in the course there is the tenant's as well
			}
			seen[h.Installation()] = true
			ctx := trellis.WithActor(t.Context(), h.Actor(""))
			_, err := h.Call(ctx, extensions.Call{In: []byte("{}"), Read: func(out []byte) error {
				if !strings.Contains(string(out), tt.secret) {
					t.Errorf("%s %s: the secret is %s", tt.tenant, tt.course, out)
				}
				return nil
			}})
			must(t, err)
		}
	}
	if len(seen) != 3 {
		t.Fatalf("%d installations", len(seen))
	}
	for _, h := range append(r.Filters(a, asked.Name(), here), r.Filters(b, asked.Name(), here)...) {
		want := map[string]string{"a": "of tenant a", "b": "of tenant b"}[h.Tenant()]
		if h.Course() != "" {
			want = "of the course"
		}
		ctx := a
		if h.Tenant() == "b" {
			ctx = b
		}
		_, err := h.Call(ctx, extensions.Call{In: []byte("{}"), Read: func(out []byte) error {
			if !strings.Contains(string(out), `"`+want+`"`) {
				t.Errorf("an installation of %s reads %s, want %s", h.Tenant(), out, want)
			}
			return nil
		}})
		must(t, err)
	}
}

// TestOwnedAbove: an ID that a tenant owns cannot be uploaded to a course of it.
func TestOwnedAbove(t *testing.T) {
	r := newRig(t, nil)
	a := admin(t, "a")
	r.install(t, a, pack(t, "acme.x", "1.0.0", nil), "")
	_, err := r.Install(staff(t, "a", here), pack(t, "acme.x", "2.0.0", nil), extensions.Scope{Course: here})
	kind(t, "below the owner", err, trellis.Conflict, "belongs to the whole tenant")
	r.install(t, staff(t, "b", here), pack(t, "acme.x", "1.0.0", nil), here) // another tenant's is its own affair
	must(t, r.Uninstall(a, "acme.x", extensions.Scope{}))
	r.install(t, staff(t, "a", here), pack(t, "acme.x", "2.0.0", nil), here)
}

// TestEnabledForNobody: installing asks nobody anything yet.
func TestEnabledForNobody(t *testing.T) {
	r := newRig(t, nil)
	a := admin(t, "a")
	x := r.install(t, a, pack(t, "acme.x", "1.0.0", map[string]any{"permissions": []string{"pii:email"}}), "")
	if len(x.Enabled) != 0 || len(r.hooks(a, here)) != 0 || len(r.hooks(a, "")) != 0 {
		t.Errorf("enabled for %+v", x.Enabled)
	}
	text, err := json.Marshal(x.Asks)
	if err != nil || !strings.Contains(string(text), "See people's email addresses") || !strings.Contains(string(text), "asked by tests; when it fails, nobody is let through") {
		t.Errorf("asks %s", text)
	}
	_, err = r.Install(a, pack(t, "acme.y", "1.0.0", nil), extensions.Scope{Course: "nonsense"})
	kind(t, "a course that cannot be", err, trellis.Invalid, "course key")
}

// TestUploads: whatever is wrong with a bundle is refused, with an error that
// names the cause, and leaves nothing behind.
func TestUploads(t *testing.T) {
	r := newRig(t, nil)
	a := admin(t, "a")
	good := testkit.Guest(map[string]func(*testkit.Code){"check": func(c *testkit.Code) { c.Answer("{}") }})
	wasm := func(m map[string]any, module []byte) []byte { return testkit.Bundle(t, m, module) }
	plain := manifestOf("acme.x", "1.0.0", nil)
	with := func(change map[string]any) []byte { return wasm(manifestOf("acme.x", "1.0.0", change), good) }
	raw, err := json.Marshal(manifestOf("acme.x", "1.0.0", map[string]any{"filter": []any{}}))
	must(t, err)
	unknown := archive(t, map[string][]byte{"extension.json": raw, "main.wasm": good})
	raw, err = json.Marshal(manifestOf("acme.x", "1.0.0", map[string]any{"permissions": []string{"everything"}}))
	must(t, err)
	nothing := archive(t, map[string][]byte{"extension.json": raw, "main.wasm": good})
	other := bytes.Replace(good, []byte("\x04call"), []byte("\x04exec"), 1)
	signature := bytes.Replace(good, []byte{0x60, 2, 0x7f, 0x7f, 1, 0x7e}, []byte{0x60, 2, 0x7f, 0x7e, 1, 0x7e}, 1) // a hook takes (i32, i64)
	truncated := good[:len(good)-3]
	for _, tt := range []struct {
		name string
		zip  []byte
		want []string
	}{
		{"not a zip", []byte("#!/bin/sh"), []string{"not a zip file"}},
		{"unknown key", unknown, []string{"filter: unknown key"}},
		{"unknown permission", nothing, []string{"permissions[0]", "everything"}},
		{"missing export", with(map[string]any{"filters": []any{map[string]any{"on": asked.Name(), "call": "chek"}}}), []string{"filters[0].call", `no export "chek"`, `did you mean "check"?`}},
		{"export of another signature", wasm(plain, signature), []string{"main.wasm", "a hook is a function (i32, i32)"}},
		{"unknown import", wasm(plain, other), []string{"trellis", "exec"}},
		{"unknown filter", with(map[string]any{"filters": []any{map[string]any{"on": "org.example.askd.v1", "call": "check"}}}), []string{"filters[0].on", "no live filter", asked.Name()}},
		{"unknown event of ours", with(map[string]any{"events": []any{map[string]any{"on": "org.trellis.extension.instaled.v1", "call": "check"}}}), []string{"events[0].on", "no live event"}},
		{"does not validate", wasm(plain, truncated), []string{"main.wasm"}},
		{"no module", wasm(plain, []byte("\x00asm\x01\x00\x00\x00")), []string{"main.wasm"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := r.Install(a, tt.zip, extensions.Scope{})
			kind(t, "install", err, trellis.Invalid, tt.want...)
		})
	}
	if n := r.count(t, a, "installations", "1 = 1") + r.count(t, a, "extension_versions", "1 = 1"); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	if got := files(t, r.dir+"/blobs"); len(got) != 0 {
		t.Errorf("blobs are left: %v", got)
	}
}

// TestUninstall removes what an extension kept, and only that.
func TestUninstall(t *testing.T) {
	r := newRig(t, nil)
	a, b := admin(t, "a"), admin(t, "b")
	zip := pack(t, "acme.x", "1.0.0", map[string]any{"permissions": []string{"kv"}, "secrets": []any{map[string]any{"name": "key", "title": "Key"}},
		"events": []any{map[string]any{"on": happened.Name(), "call": "keep"}}},
		map[string]func(*testkit.Code){"keep": func(c *testkit.Code) { c.Log("said"); c.Call("kv.set", `{"key":"k","value":1}`); c.Result() }})
	newer := pack(t, "acme.x", "1.1.0", map[string]any{"permissions": []string{"kv"}})
	var late extensions.Hook
	for _, ctx := range []context.Context{a, b} {
		r.install(t, ctx, zip, "")
		r.enable(t, ctx, "acme.x", "", "", "kv")
		must(t, r.SetSecret(ctx, extensions.SecretInput{ID: "acme.x", Name: "key", Value: "s"}))
		h := r.Events(trellis.Event{Tenant: trellis.ActorFrom(ctx).Tenant, Type: happened.Name()})[0]
		_, err := h.Call(trellis.WithActor(t.Context(), h.Actor("")), extensions.Call{In: []byte("{}")})
		must(t, err)
		if _, err := r.Logs(ctx, extensions.LogQuery{ID: "acme.x"}); err != nil {
			t.Error(err)
		}
		if ctx == a {
			late = h
		}
	}
	r.install(t, a, newer, "")
	must(t, r.Uninstall(a, "acme.x", extensions.Scope{}))
	// A call that was under way leaves nothing behind either.
	_, err := late.Call(trellis.WithActor(t.Context(), late.Actor("")), extensions.Call{In: []byte("{}"), Read: func(out []byte) error {
		if !strings.Contains(string(out), "was removed") {
			t.Errorf("the removed one kept something: %s", out)
		}
		return nil
	}})
	must(t, err)
	if _, err := r.Logs(b, extensions.LogQuery{ID: "acme.x"}); err != nil { // writes what waits
		t.Error(err)
	}
	for _, table := range []string{"enablements", "extension_kv", "extension_kv_use", "extension_secrets", "extension_logs", "extension_versions", "extension_approvals"} {
		if n := r.count(t, a, table, "tenant = 'a'"); n != 0 {
			t.Errorf("%d rows of %s are left", n, table)
		}
		if n := r.count(t, b, table, "tenant = 'b'"); n == 0 && table != "extension_approvals" {
			t.Errorf("the rows of %s of another tenant are gone", table)
		}
	}
	if _, err := r.call(b, ""); err != nil {
		t.Errorf("the other tenant's is broken: %v", err)
	}
	if got := files(t, r.dir+"/blobs"); len(got) != 1 {
		t.Errorf("the blobs %v are left, want the one that another tenant has", got)
	}
	_, err = r.Get(a, "acme.x", extensions.Scope{})
	kind(t, "after uninstalling", err, trellis.NotFound)
	kind(t, "twice", r.Uninstall(a, "acme.x", extensions.Scope{}), trellis.NotFound)
	if x := r.install(t, a, zip, ""); len(x.Enabled) != 0 { // and it begins anew
		t.Errorf("%+v", x)
	}
}

// files returns every file below dir.
func files(t *testing.T, dir string) (all []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all = append(all, path)
		}
		return err
	}))
	return all
}
