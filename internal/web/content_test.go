package web_test

import (
	"context"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/web"
)

func TestContent(t *testing.T) {
	s := web.NewContent(web.ContentConfig{Assets: func(_ context.Context, digest, name string) ([]byte, error) {
		if digest != "abc" || name != "app/index.html" && name != "a b.wasm" && name != "odd" {
			return nil, trellis.Errorf(trellis.NotFound, "there is no such file")
		}
		return []byte("0123456789"), nil
	}})
	for _, tt := range []struct {
		name, method, target string
		headers              []string
		status               int
		body, typ            string
	}{
		{"a page", "GET", "/assets/abc/app/index.html", nil, 200, "0123456789", "text/html; charset=utf-8"},
		{"with a query", "GET", "/assets/abc/app/index.html?v=1", nil, 200, "0123456789", "text/html; charset=utf-8"},
		{"an escaped name", "GET", "/assets/abc/a%20b.wasm", nil, 200, "0123456789", "application/wasm"},
		{"without an ending", "GET", "/assets/abc/odd", nil, 200, "0123456789", "application/octet-stream"},
		{"a range", "GET", "/assets/abc/odd", []string{"Range", "bytes=2-4"}, 206, "234", "application/octet-stream"},
		{"a range beyond", "GET", "/assets/abc/odd", []string{"Range", "bytes=20-"}, 416, "", ""},
		{"known already", "GET", "/assets/abc/odd", []string{"If-None-Match", `"abc"`}, 304, "", ""},
		{"the head", "HEAD", "/assets/abc/odd", nil, 200, "", "application/octet-stream"},
		{"with cookies and a token", "GET", "/assets/abc/odd", []string{"Cookie", "a=b", "Authorization", "Bearer x", "Trellis-Tenant", "none"}, 200, "0123456789", "application/octet-stream"},
		{"another bundle", "GET", "/assets/abd/odd", nil, 404, "", ""},
		{"another file", "GET", "/assets/abc/../odd", nil, 404, "", ""},
		{"a directory", "GET", "/assets/abc/", nil, 404, "", ""},
		{"another method", "POST", "/assets/abc/odd", nil, 405, "", ""},
		{"no metrics", "GET", "/metrics", nil, 404, "", ""},
		{"healthy", "GET", "/healthz", nil, 200, `{"status":"ok"}`, "application/json"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res, raw := call(t, s, tt.method, tt.target, "", tt.headers...)
			if res.StatusCode != tt.status || tt.body != "" && raw != tt.body {
				t.Fatalf("%d %q, want %d %q", res.StatusCode, raw, tt.status, tt.body)
			}
			if tt.typ != "" && res.Header.Get("Content-Type") != tt.typ {
				t.Errorf("type %q, want %q", res.Header.Get("Content-Type"), tt.typ)
			}
			if res.Header.Get("Set-Cookie") != "" || res.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("header %v", res.Header)
			}
			if tt.status != 200 && tt.status != 206 || tt.target == "/healthz" {
				return
			}
			for name, want := range map[string]string{
				"Cache-Control": "public, max-age=31536000, immutable", "Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin",
				"Content-Security-Policy": "sandbox allow-scripts", "Etag": `"abc"`,
			} {
				if got := res.Header.Values(name); len(got) != 1 || got[0] != want {
					t.Errorf("%s %q, want %q", name, got, want)
				}
			}
		})
	}
}
