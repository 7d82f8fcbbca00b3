//go:build browser

package browser_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/trellis-learning/trellis/internal/browser"
)

// server is one that can go away and come back at the same address, as a platform
// does that is started anew.
type server struct {
	t       *testing.T
	handler http.Handler
	addr    string
	URL     string
	running *http.Server
}

// site starts a server of the stylesheet, the script and what handlers there are,
// with the headers of the pages.
func site(t *testing.T, handlers map[string]http.HandlerFunc) *server {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/static/", http.StripPrefix("/static/", http.FileServer(http.Dir("../pages/frame/static"))))
	mux.HandleFunc("/static/logo.svg", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/svg+xml")
		_, _ = w.Write([]byte(logo))
	})
	mux.HandleFunc("/favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	for pattern, handler := range handlers {
		mux.HandleFunc(pattern, handler)
	}
	s := &server{t: t, addr: "127.0.0.1:0", handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Traceparent", "00-3f2a9bc04d1177e2a6c0f9be8a7d6e5f-00f067aa0ba902b7-01")
		mux.ServeHTTP(w, r)
	})}
	s.start()
	t.Cleanup(func() { s.stop() })
	return s
}

func (s *server) start() {
	s.t.Helper()
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.addr = listener.Addr().String()
	s.URL = "http://" + s.addr
	s.running = &http.Server{Handler: s.handler}
	go s.running.Serve(listener)
}

func (s *server) stop() { _ = s.running.Close() }

// policy is the Content-Security-Policy of the pages.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// logo is what stands for that of a tenant.
const logo = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 28 28"><rect width="28" height="28" rx="6" fill="#0B6277"/><path d="M8 8h12M14 8v13" stroke="#fff" stroke-width="3" fill="none"/></svg>`

// page writes a page of the pages; main is its main element with an h1.
func page(main string) string {
	return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Test: Trellis</title>
<link rel="stylesheet" href="/static/trellis.css"><script type="module" src="/static/trellis.js"></script></head><body><a class="skip" href="#main">Skip to the content</a>
<header class="top"><div class="top-in"><a class="brand" href="/">Demo School</a></div></header><div class="offline" data-offline hidden></div>
` + strings.Replace(main, `<h1`, `<div class="status" id="status" role="status"></div><h1`, 1) + `</body></html>`
}

func html(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(text))
}

// course plays the part of a course page with a live slot: its container, and the
// stream that says when that is stale.
type course struct {
	mu      sync.Mutex
	version int
	inside  func(version int) string // of the container
	head    string                   // before the container
	fetched int
	parts   []string // what was asked for by Trellis-Fragment
	opened  int      // streams
	after   []string // the Last-Event-ID of each
	streams map[chan string]bool
	refuse  int // the status of streams, if not 0
}

func (c *course) handlers() map[string]http.HandlerFunc {
	c.streams = map[chan string]bool{}
	return map[string]http.HandlerFunc{"GET /{$}": c.page, "/live": c.live}
}

func (c *course) container() string {
	return fmt.Sprintf(`<div class="slots" data-slots="course.sidebar.v1" id="slots-side">%s</div>`, c.inside(c.version))
}

func (c *course) page(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if part := r.Header.Get("Trellis-Fragment"); part != "" {
		c.fetched++
		c.parts = append(c.parts, part)
		html(w, c.container())
		return
	}
	html(w, page(`<main id="main" tabindex="-1" data-live="/live"><h1>Logic 1</h1>`+c.head+c.container()+`</main>`))
}

func (c *course) live(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.opened++
	c.after = append(c.after, r.Header.Get("Last-Event-ID"))
	if c.refuse != 0 {
		w.WriteHeader(c.refuse)
		c.mu.Unlock()
		return
	}
	messages := make(chan string, 16)
	c.streams[messages] = true
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.streams, messages)
		c.mu.Unlock()
	}()
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprint(w, ": hello\n\n")
	w.(http.Flusher).Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case m := <-messages:
			fmt.Fprint(w, m)
			w.(http.Flusher).Flush()
		}
	}
}

// change makes the next version and tells the pages.
func (c *course) change() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version++
	for stream := range c.streams {
		stream <- fmt.Sprintf("id: %d\nevent: stale\ndata: {\"slot\":\"course.sidebar.v1\"}\n\n", c.version)
	}
}

// get reads what the server saw.
func get[T any](c *course, read func(c *course) T) T {
	c.mu.Lock()
	defer c.mu.Unlock()
	return read(c)
}

// followed waits until the tab follows the course.
func (c *course) followed(tab *browser.Tab) {
	tab.Eventually("the page follows", func() bool { return get(c, func(c *course) bool { return len(c.streams) > 0 }) })
}
