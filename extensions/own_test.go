package extensions_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/egress"
	"github.com/trellis-learning/trellis/internal/store"
)

// guest is a context in which the first event hook of an extension runs by itself.
func (r *rig) guest(t testing.TB, tenant, course string) context.Context {
	t.Helper()
	h := r.Events(trellis.Event{Tenant: tenant, Type: happened.Name(), Course: course})[0]
	return hostapi.WithCaller(trellis.WithActor(t.Context(), h.Actor("")), h.Caller(""))
}

func hearing(change map[string]any) map[string]any {
	m := map[string]any{"filters": []any{}, "events": []any{map[string]any{"on": happened.Name(), "call": "check"}}}
	for k, v := range change {
		m[k] = v
	}
	return m
}

// TestSecrets: a secret is written, never read back but by the extension, sealed
// at rest, and opens for its own installation and name only.
func TestSecrets(t *testing.T) {
	r := newRig(t, nil)
	a, b := admin(t, "a"), admin(t, "b")
	wants := hearing(map[string]any{"secrets": []any{map[string]any{"name": "key", "title": "Key"}, map[string]any{"name": "other", "title": "Other"}}})
	for _, ctx := range []context.Context{a, b} {
		r.install(t, ctx, pack(t, "acme.x", "1.0.0", wants), "")
		r.enable(t, ctx, "acme.x", "", "")
	}
	const sesame = "open sesame, as it were"
	_, err := r.api.Serve(a, hostapi.HTTPDoor, "extensions.set_secret", []byte(`{"id":"acme.x","name":"key","value":"`+sesame+`"}`))
	must(t, err)
	get := func(ctx context.Context, name string) (string, error) {
		out, err := r.api.Call(ctx, "secrets.get", []byte(`{"name":"`+name+`"}`))
		return string(out), err
	}
	if got, err := get(r.guest(t, "a", ""), "key"); err != nil || got != `{"value":"`+sesame+`"}` {
		t.Errorf("the extension reads %s, %v", got, err)
	}
	_, err = get(r.guest(t, "b", ""), "key")
	kind(t, "of another tenant", err, trellis.NotFound)
	_, err = get(a, "key")
	kind(t, "by a person", err, trellis.Denied)
	_, err = r.api.Serve(a, hostapi.HTTPDoor, "secrets.get", []byte(`{"name":"key"}`))
	kind(t, "over HTTP", err, trellis.NotFound)
	kind(t, "a secret that it does not want", r.SetSecret(a, extensions.SecretInput{ID: "acme.x", Name: "kee", Value: "x"}), trellis.Invalid, "kee")
	kind(t, "a big one", r.SetSecret(a, extensions.SecretInput{ID: "acme.x", Name: "key", Value: extensions.Hidden(strings.Repeat("x", 65<<10))}), trellis.Invalid)
	x, err := r.Get(a, "acme.x", extensions.Scope{})
	must(t, err)
	if raw, _ := json.Marshal(x); strings.Contains(string(raw), "sesame") || !strings.Contains(string(raw), `"secrets":["key","other"]`) {
		t.Errorf("shown: %s", raw)
	}
	in := extensions.SecretInput{Value: sesame}
	if s := fmt.Sprintf("%v %+v %#v %s %q", in, in, in, in.Value, in.Value); strings.Contains(s, "sesame") {
		t.Errorf("printed: %s", s)
	}
	for _, name := range []string{"trellis.db", "trellis.db-wal"} {
		raw, err := os.ReadFile(filepath.Join(r.dir, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if strings.Contains(string(raw), "sesame") {
			t.Errorf("%s holds it as it is", name)
		}
	}
	// Moved within the database it is worthless.
	r.sql(t, a, `INSERT INTO extension_secrets (tenant, installation, name, sealed, updated) SELECT tenant, installation, 'other', sealed, updated FROM extension_secrets WHERE name = 'key'`)
	_, err = get(r.guest(t, "a", ""), "other")
	kind(t, "under another name", err, trellis.Invalid, "moved")
	r.sql(t, a, `INSERT INTO extension_secrets (tenant, installation, name, sealed, updated) SELECT 'b', (SELECT id FROM installations WHERE tenant = 'b'), name, sealed, updated FROM extension_secrets WHERE name = 'key'`)
	_, err = get(r.guest(t, "b", ""), "key")
	kind(t, "in another tenant", err, trellis.Invalid, "moved")

	_, err = r.api.Serve(a, hostapi.HTTPDoor, "extensions.set_secret", []byte(`{"id":"acme.x","name":"key"}`))
	must(t, err)
	_, err = get(r.guest(t, "a", ""), "key")
	kind(t, "after it was taken away", err, trellis.NotFound)
}

// TestNotes: compare-and-set, pages, and the quota.
func TestNotes(t *testing.T) {
	r := newRig(t, nil)
	a := admin(t, "a")
	r.install(t, a, pack(t, "acme.x", "1.0.0", hearing(map[string]any{"permissions": []string{"kv"}})), "")
	r.enable(t, a, "acme.x", "", "", "kv")
	g := r.guest(t, "a", "")
	for _, tt := range []struct {
		operation, in, out string
		want               trellis.Kind
	}{
		{"kv.get", `{"key":"n"}`, `{"value":null,"version":0}`, ""},
		{"kv.set", `{"key":"n","value":{"a":1},"if_version":0}`, `{"version":1}`, ""},
		{"kv.set", `{"key":"n","value":2,"if_version":0}`, "", trellis.Conflict},
		{"kv.set", `{"key":"n","value":2,"if_version":1}`, `{"version":2}`, ""},
		{"kv.get", `{"key":"n"}`, `{"value":2,"version":2}`, ""},
		{"kv.set", `{"key":"m/1","value":1}`, `{"version":1}`, ""},
		{"kv.set", `{"key":"m/2","value":2}`, `{"version":1}`, ""},
		{"kv.set", `{"key":"m0","value":3}`, `{"version":1}`, ""},
		{"kv.list", `{"prefix":"m/","limit":1}`, `{"items":[{"key":"m/1","value":1,"version":1}],"next":"m/1"}`, ""},
		{"kv.list", `{"prefix":"m/","after":"m/1"}`, `{"items":[{"key":"m/2","value":2,"version":1}]}`, ""},
		{"kv.list", `{"limit":201}`, "", trellis.Invalid},
		{"kv.delete", `{"key":"n"}`, `{}`, ""},
		{"kv.delete", `{"key":"n"}`, `{}`, ""},
		{"kv.get", `{"key":"n"}`, `{"value":null,"version":0}`, ""},
		{"kv.set", `{"key":"","value":1}`, "", trellis.Invalid},
		{"kv.set", `{"key":"a\u0000b","value":1}`, "", trellis.Invalid},
		{"kv.set", `{"key":"` + strings.Repeat("x", 257) + `","value":1}`, "", trellis.Invalid},
		{"kv.set", `{"key":"n"}`, "", trellis.Invalid},
		{"kv.set", `{"key":"n","value":1,"person":"` + strings.Repeat("x", 65) + `"}`, "", trellis.Invalid},
		{"kv.set", `{"key":"n","value":"` + strings.Repeat("x", 64<<10) + `"}`, "", trellis.Exhausted},
		{"kv.set", `{"key":"n","value":1,"vers":1}`, "", trellis.Invalid},
	} {
		out, err := r.api.Call(g, tt.operation, []byte(tt.in))
		kind(t, tt.operation+" "+tt.in[:min(60, len(tt.in))], err, tt.want)
		if err == nil && string(out) != tt.out {
			t.Errorf("%s %s: %s, want %s", tt.operation, tt.in, out, tt.out)
		}
	}
	// Nearly all that it may keep; what is refused counts for nothing.
	must(t, r.db.Write(a, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE extension_kv_use SET bytes = ?`, 10<<20-100)
		return err
	})))
	for range 3 {
		_, err := r.api.Call(g, "kv.set", []byte(`{"key":"big","value":"`+strings.Repeat("x", 200)+`"}`))
		kind(t, "beyond the quota", err, trellis.Exhausted, "at most")
	}
	must(t, second(r.api.Call(g, "kv.set", []byte(`{"key":"small","value":1}`))))
}

// TestFetch: the permission names the host, and a filter may only GET.
func TestFetch(t *testing.T) {
	r := newRig(t, func(c *extensions.Config) { c.Egress = egress.New(egress.Config{Resolver: nowhere{}}) })
	a := admin(t, "a")
	r.install(t, a, pack(t, "acme.x", "1.0.0", map[string]any{"permissions": []string{"http:api.example.org", "http:*.example.net"},
		"events": []any{map[string]any{"on": happened.Name(), "call": "check"}}}), "")
	r.enable(t, a, "acme.x", "", "", "*")
	g := r.guest(t, "a", "")
	filter := r.Filters(a, asked.Name(), "")[0]
	inFilter := hostapi.WithCaller(a, filter.Caller(""))
	for _, tt := range []struct {
		ctx  context.Context
		in   string
		want trellis.Kind
	}{
		{g, `{"url":"https://api.example.org/"}`, trellis.Unavailable}, // allowed, and not found
		{g, `{"url":"https://x.example.net/","method":"POST","body":"x"}`, trellis.Unavailable},
		{g, `{"url":"https://example.net/"}`, trellis.Denied}, {g, `{"url":"https://other.example.org/"}`, trellis.Denied},
		{g, `{"url":"https://api.example.org:8443/"}`, trellis.Denied}, {g, `{"url":"http://api.example.org/"}`, trellis.Denied},
		{g, `{"url":"https://api.example.org@evil.example/"}`, trellis.Denied}, {g, `{"url":"https://127.0.0.1/"}`, trellis.Denied},
		{g, `{"url":"://"}`, trellis.Denied}, {g, `{"url":""}`, trellis.Invalid},
		{inFilter, `{"url":"https://api.example.org/"}`, trellis.Unavailable},
		{inFilter, `{"url":"https://api.example.org/","method":"POST"}`, trellis.Denied},
	} {
		_, err := r.api.Call(tt.ctx, "http.fetch", []byte(tt.in))
		kind(t, tt.in, err, tt.want)
	}
}

// TestFetchBodies: a body is text or, in base64, any bytes, there and back.
func TestFetchBodies(t *testing.T) {
	mirror := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
	t.Cleanup(mirror.Close)
	r := newRig(t, func(c *extensions.Config) {
		c.Egress = egress.New(egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	})
	a := admin(t, "a")
	r.install(t, a, pack(t, "acme.x", "1.0.0", map[string]any{"permissions": []string{"http:127.0.0.1"},
		"events": []any{map[string]any{"on": happened.Name(), "call": "check"}}}), "")
	r.enable(t, a, "acme.x", "", "", "*")
	g := r.guest(t, "a", "")
	for _, tt := range []struct {
		name string
		body map[string]string
		want map[string]any // of the answer
		kind trellis.Kind
		says string
	}{
		{name: "none", want: map[string]any{"body": ""}},
		{name: "text", body: map[string]string{"body": "é\x00"}, want: map[string]any{"body": "é\x00"}},
		{name: "text as bytes", body: map[string]string{"body_base64": "w6k="}, want: map[string]any{"body": "é"}},
		{name: "bytes", body: map[string]string{"body_base64": "/wD+"}, want: map[string]any{"body": "", "body_base64": "/wD+"}},
		{name: "two", body: map[string]string{"body": "a", "body_base64": "YQ=="}, kind: trellis.Invalid, says: "leave one of them out"},
		{name: "no padding", body: map[string]string{"body_base64": "YQ"}, kind: trellis.Invalid, says: "body_base64: not base64"},
		{name: "of addresses", body: map[string]string{"body_base64": "_wD-"}, kind: trellis.Invalid, says: "body_base64: not base64"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := map[string]string{"method": "POST", "url": mirror.URL}
			maps.Copy(in, tt.body)
			raw, err := json.Marshal(in)
			must(t, err)
			out, err := r.api.Call(g, "http.fetch", raw)
			kind(t, "the request", err, tt.kind, tt.says)
			if tt.kind != "" {
				return
			}
			var got map[string]any
			must(t, json.Unmarshal(out, &got))
			delete(got, "headers")
			delete(got, "status")
			if !maps.Equal(got, tt.want) {
				t.Errorf("the answer has %v, want %v", got, tt.want)
			}
		})
	}
}

type nowhere struct{}

func (nowhere) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return nil, errors.New("no such host")
}
