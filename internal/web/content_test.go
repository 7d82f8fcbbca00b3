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
				"Etag": `"abc"`,
			} {
				if got := res.Header.Values(name); len(got) != 1 || got[0] != want {
					t.Errorf("%s %q, want %q", name, got, want)
				}
			}
		})
	}
}

// TestContentByItsName serves the same hostile bytes under many names: what they
// may do hangs on the name alone.
func TestContentByItsName(t *testing.T) {
	const svg = `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>`
	s := web.NewContent(web.ContentConfig{Secure: true, Assets: func(_ context.Context, digest, _ string) ([]byte, error) {
		if digest != "abc" {
			return nil, trellis.Errorf(trellis.NotFound, "there is no such file")
		}
		return []byte(svg), nil
	}})
	const app, drawing, data = "sandbox allow-scripts", "default-src 'none'; style-src 'unsafe-inline'; sandbox", "default-src 'none'; base-uri 'none'; sandbox"
	for _, tt := range []struct {
		name, typ, policy string
		download          bool
	}{
		{"a.html", "text/html; charset=utf-8", app, false},
		{"a.js", "text/javascript; charset=utf-8", app, false},
		{"a.svg", "image/svg+xml", drawing, false},
		{"A.SVG", "image/svg+xml", drawing, false},
		{"a.xml", "text/xml; charset=utf-8", drawing, false},
		{"a.png", "image/png", data, false},
		{"a.css", "text/css; charset=utf-8", data, false},
		{"a.json", "application/json", data, false},
		{"a.txt", "text/plain; charset=utf-8", data, false},
		{"a.pdf", "application/pdf", data, true},
		{"a", "application/octet-stream", data, true},
		{".html", "text/html; charset=utf-8", app, false},
		{"a.xhtml", "application/octet-stream", data, true},
		{"a.xht", "application/octet-stream", data, true},
		{"a.svgz", "application/octet-stream", data, true},
		{"a.swf", "application/octet-stream", data, true},
		{"a.mht", "application/octet-stream", data, true},
		{"a.xsl", "application/octet-stream", data, true},
		{"a.html.", "application/octet-stream", data, true},
		{"a.html%20", "application/octet-stream", data, true},
		{"a.html/", "application/octet-stream", data, true},
		{"a.png;.html", "text/html; charset=utf-8", app, false},
		{"a.html%3fb.png", "image/png", data, false},
		{"a.%E2%80%AEgnp.svg", "image/svg+xml", drawing, false},
		{"a%0d%0aSet-Cookie:%20a=b.svg", "image/svg+xml", drawing, false},
		{"%22%3e%3cscript%3e.svg", "image/svg+xml", drawing, false},
		{"..%2f..%2fa.svg", "image/svg+xml", drawing, false},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			res, _ := call(t, s, method, "/assets/abc/"+tt.name, "", "Cookie", "trellis=a", "Origin", "https://evil.example")
			if res.StatusCode != 200 {
				t.Errorf("%s: %d", tt.name, res.StatusCode)
				continue
			}
			disposition := ""
			if tt.download {
				disposition = "attachment"
			}
			for name, want := range map[string]string{
				"Content-Type": tt.typ, "Content-Security-Policy": tt.policy, "Content-Disposition": disposition, "X-Content-Type-Options": "nosniff",
				"Cache-Control": "public, max-age=31536000, immutable", "Strict-Transport-Security": "max-age=31536000", "Set-Cookie": "", "Referrer-Policy": "no-referrer",
			} {
				if got := res.Header.Get(name); got != want {
					t.Errorf("%s %s: %s is %q, want %q", method, tt.name, name, got, want)
				}
			}
		}
	}
	for _, path := range []string{"/assets/abc/a%00.svg", "/assets/abc/a%ff.svg"} {
		if res, _ := call(t, s, "GET", path, ""); res.StatusCode != 400 || res.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
}
