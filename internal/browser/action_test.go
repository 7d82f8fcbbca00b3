//go:build browser

package browser_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/trellis-learning/trellis/internal/browser"
)

// poll plays a slot with a form; answer says what a post is answered with.
func poll(t *testing.T, answer http.HandlerFunc) (*server, *browser.Tab) {
	t.Helper()
	s := site(t, map[string]http.HandlerFunc{
		"GET /{$}":  func(w http.ResponseWriter, _ *http.Request) { html(w, page(question(""))) },
		"POST /{$}": answer,
		"GET /there": func(w http.ResponseWriter, _ *http.Request) {
			html(w, page(`<main id="main" tabindex="-1"><h1>There</h1></main>`))
		},
		"GET /login": func(w http.ResponseWriter, _ *http.Request) {
			html(w, page(`<main id="main" tabindex="-1"><h1>Sign in</h1><input aria-label="Password" type="password" autocomplete="current-password"></main>`))
		},
	})
	tab := browser.Open(t)
	tab.Go(s.URL)
	tab.Wait("h1", "Logic 1")
	return s, tab
}

func question(inside string) string {
	return `<main id="main" tabindex="-1"><h1>Logic 1</h1>` + container(inside) + `</main>`
}

func container(inside string) string {
	return `<div class="slots" data-slots="course.sidebar.v1" id="slots-side"><section class="slot" id="slot-poll" aria-label="Poll" tabindex="-1">` + inside + `
<form class="form" method="post" action="/" novalidate data-action><input type="hidden" name="_hook" value="sealed"><div class="field"><label for="poll-why">Why</label><input id="poll-why" name="why"></div><button class="button" name="vote" value="yes">Vote</button></form></section></div>`
}

func TestActionSwaps(t *testing.T) {
	var posts atomic.Int32
	var saw atomic.Value
	_, tab := poll(t, func(w http.ResponseWriter, r *http.Request) {
		posts.Add(1)
		_ = r.ParseForm()
		saw.Store(fmt.Sprint(r.Header.Get("Trellis-Fragment"), r.Header.Get("Content-Type"), r.PostForm["why"], r.PostForm["vote"], r.PostForm["_hook"]))
		html(w, container(`<div class="notice" data-state="ok"><p>Your vote is in.</p></div>`))
	})
	tab.Type("=Why", "it is long")
	browser.Announced(t, tab, "Your vote is in.", func() { tab.Click("=Vote") })
	tab.Wait("#slot-poll .notice", "Your vote is in.")
	if got, want := saw.Load(), "course.sidebar.v1application/x-www-form-urlencoded;charset=UTF-8[it is long] [yes] [sealed]"; got != want {
		t.Errorf("sent %v, want %v", got, want)
	}
	if got := tab.Focused(); got != "button Vote" {
		t.Errorf("the focus is on %q", got)
	}
	if got := tab.Value("#poll-why"); got != "" {
		t.Errorf("what was taken is still entered: %q", got)
	}
}

func TestActionIsSentOnce(t *testing.T) {
	var posts atomic.Int32
	release := make(chan struct{})
	_, tab := poll(t, func(w http.ResponseWriter, _ *http.Request) {
		posts.Add(1)
		<-release
		html(w, container(`<div class="notice" data-state="ok"><p>Taken.</p></div>`))
	})
	tab.Type("=Why", "impatient")
	tab.Click("=Vote")
	tab.Click("=Vote")
	tab.Focus("#poll-why")
	tab.Press("Enter")
	tab.Wait(`button[aria-busy=true][aria-disabled=true]`, "Vote") // after a second
	tab.Click("=Vote")
	close(release)
	tab.Wait("#slot-poll .notice", "Taken.")
	if got := posts.Load(); got != 1 {
		t.Errorf("sent %d times", got)
	}
	if tab.Has("[aria-busy], [aria-disabled]") {
		t.Error("the button is still busy")
	}
}

func TestActionFaults(t *testing.T) {
	_, tab := poll(t, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		html(w, strings.Replace(container(`<div class="errors" tabindex="-1" role="group" aria-label="There is a problem"><ul><li><a href="#poll-why">Say why in 3 words.</a></li></ul></div>`), `name="why"`, `name="why" aria-invalid="true" value="`+r.PostForm.Get("why")+`"`, 1))
	})
	tab.Type("=Why", "so")
	tab.Click("=Vote")
	tab.Wait(".errors", "Say why in 3 words.")
	tab.Until(`document.activeElement.matches(".errors")`)
	if got := tab.Value("#poll-why"); got != "so" {
		t.Errorf("entered was %q, now %q", "so", got)
	}
	browser.Axe(t, tab)
}

func TestActionAnswers(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		allow  string
		seen   string // JavaScript that comes true
		kept   bool   // what was typed
	}{
		{"a redirect", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"redirect": "/there"}`)
		}, "", `location.pathname === "/there" && document.querySelector("h1").textContent === "There"`, false},
		{"a redirect to another origin", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"redirect": "//example.org/there"}`)
		}, "", `location.pathname === "/"`, true},
		{"a message", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"message": "You voted before <b>noon</b>.", "state": "warn"}`)
		}, "", `document.querySelector(".notice[data-state=warn]")?.innerText === "You voted before <b>noon</b>."`, true},
		{"a problem", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"title": "An extension said no", "detail": "Poll says: not before noon."}`)
		}, "status of 403", `document.querySelector(".notice[data-state=bad]")?.innerText === "Poll says: not before noon. Trace 3f2a9bc04d1177e2a6c0f9be8a7d6e5f"`, true},
		{"a page", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/there", http.StatusSeeOther) }, "",
			`location.pathname === "/there" && document.querySelector("h1").textContent === "There" && document.activeElement.tagName === "H1"`, false},
		{"nothing that is known", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, "status of 502",
			`document.querySelector(".notice[data-state=bad]")?.innerText.startsWith("This did not work (502). Nothing is lost")`, true},
		{"the session has ended", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusSeeOther) }, "",
			`document.querySelector(".notice[data-state=warn] a[href$='/login']") && location.pathname === "/"`, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, tab := poll(t, tt.answer)
			tab.Allow(tt.allow + " ")
			tab.Type("=Why", "it is long")
			tab.Click("=Vote")
			tab.Until(tt.seen)
			if tt.kept && tab.Value("#poll-why") != "it is long" {
				t.Error("what was entered is lost")
			}
		})
	}
}

func TestActionWithoutConnection(t *testing.T) {
	s, tab := poll(t, func(w http.ResponseWriter, _ *http.Request) {
		html(w, container(`<div class="notice" data-state="ok"><p>Taken.</p></div>`))
	})
	tab.Allow("net::ERR_")
	tab.Type("=Why", "it is long")
	s.stop()
	browser.Announced(t, tab, "No answer came", func() { tab.Click("=Vote") })
	if got := tab.Value("#poll-why"); got != "it is long" {
		t.Errorf("what was entered is now %q", got)
	}
	s.start()
	tab.Click("=Vote")
	tab.Wait("#slot-poll .notice", "Taken.")
	if tab.Count(".notice") != 1 {
		t.Error("the old notice is still there")
	}
}

// TestWithoutScript: the same form without the script.
func TestWithoutScript(t *testing.T) {
	s, tab := poll(t, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		html(w, page(question(`<div class="notice" data-state="ok" data-flash><p>Your vote is in: `+r.PostForm.Get("why")+`</p></div>`)))
	})
	tab.NoScript()
	tab.Go(s.URL)
	tab.Type("=Why", "it is long")
	tab.Leave(func() { tab.Click("=Vote") })
	tab.Wait(".notice", "Your vote is in: it is long")
}
