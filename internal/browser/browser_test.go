//go:build browser

package browser_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/internal/browser"
)

// policy is the Content-Security-Policy of the pages.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// logo is what stands for that of a tenant.
const logo = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 28 28"><rect width="28" height="28" rx="6" fill="#0B6277"/><path d="M8 8h12M14 8v13" stroke="#fff" stroke-width="3" fill="none"/></svg>`

// site serves the stylesheet, the script and what handlers there are, with the
// headers of the pages.
func site(t *testing.T, handlers map[string]http.HandlerFunc) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/static/", http.StripPrefix("/static/", http.FileServer(http.Dir("../pages/static"))))
	mux.HandleFunc("/static/logo.svg", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/svg+xml")
		_, _ = w.Write([]byte(logo))
	})
	mux.HandleFunc("/favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	for pattern, handler := range handlers {
		mux.HandleFunc(pattern, handler)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server
}

// frame is a page of the pages, with main in it.
func frame(main string) string {
	return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Test: Trellis</title>
<link rel="stylesheet" href="/static/trellis.css"><script type="module" src="/static/trellis.js"></script></head><body><a class="skip" href="#main">Skip to the content</a>
<header class="top"><div class="top-in"><a class="brand" href="/">Demo School</a></div></header><div class="offline" data-offline hidden></div>
` + strings.Replace(main, `<h1>`, `<div class="status" id="status" role="status"></div><h1>`, 1) + `</body></html>`
}

// write answers with a page.
func write(main func(r *http.Request) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(frame(main(r))))
	}
}

func gallery(t *testing.T) *httptest.Server {
	return site(t, map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, "testdata/gallery.html")
	}})
}

// TestGallery: every component in every state, as every person may see it.
func TestGallery(t *testing.T) {
	tab := browser.Open(t)
	browser.CheckEverywhere(t, tab, gallery(t).URL, nil)
}
