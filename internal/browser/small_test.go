//go:build browser

package browser_test

import (
	"net/http"
	"testing"

	"github.com/trellis-learning/trellis/internal/browser"
)

func TestPasswordIsShownAndHidden(t *testing.T) {
	var sent string
	s := site(t, map[string]http.HandlerFunc{
		"GET /{$}": func(w http.ResponseWriter, _ *http.Request) {
			html(w, page(`<main id="main" tabindex="-1"><h1>Sign in</h1><form class="form narrow" method="post" action="/"><div class="field"><label for="p">Password</label><input id="p" name="p" type="password" autocomplete="current-password"></div><button class="button primary">Sign in</button></form></main>`))
		},
		"POST /{$}": func(w http.ResponseWriter, r *http.Request) {
			sent = r.FormValue("p")
			html(w, page(`<main id="main" tabindex="-1"><h1>Hello</h1></main>`))
		},
	})
	tab := browser.Open(t)
	tab.Go(s.URL)
	tab.Type("#p", "correct horse")
	tab.Click("=Show password")
	tab.Until(`document.querySelector("#p").type === "text"`)
	browser.CheckAll(t, tab)
	tab.Click("=Hide password")
	tab.Until(`document.querySelector("#p").type === "password"`)
	tab.Click("=Show password")
	tab.Leave(func() { tab.Click("=Sign in") })
	tab.Wait("h1", "Hello")
	if sent != "correct horse" {
		t.Errorf("sent %q", sent)
	}
}

func TestConfirmInADialog(t *testing.T) {
	confirm := func(w http.ResponseWriter, _ *http.Request) {
		html(w, page(`<main id="main" tabindex="-1"><nav class="crumbs" aria-label="Path"><ol><li><a href="/">Letters</a></li></ol></nav><h1>Drop 12 letters?</h1><p>They cannot be brought back.</p><form method="post"><div class="actions"><button class="button danger primary">Drop 12 letters</button> <a class="button" href="/" data-cancel>Cancel</a></div></form></main>`))
	}
	s := site(t, map[string]http.HandlerFunc{
		"GET /{$}": func(w http.ResponseWriter, _ *http.Request) {
			html(w, page(`<main id="main" tabindex="-1"><h1>Letters</h1><p><a id="drop" href="/drop" data-dialog>Drop all</a> <a href="/gone" data-dialog>Drop none</a></p></main>`))
		},
		"GET /drop": confirm,
		"POST /drop": func(w http.ResponseWriter, _ *http.Request) {
			html(w, page(`<main id="main" tabindex="-1"><h1>Dropped</h1></main>`))
		},
		"GET /gone": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			html(w, page(`<main id="main" tabindex="-1"><h1>There is no such thing</h1></main>`))
		},
	})
	tab := browser.Open(t)
	tab.Allow("status of 404")
	tab.Go(s.URL)
	tab.Click("#drop")
	tab.Wait("dialog h2", "Drop 12 letters?")
	tab.Until(`document.activeElement.matches("dialog [data-cancel]")`)
	browser.CheckAll(t, tab)
	tab.Press("Escape")
	tab.Gone("dialog")
	if got := tab.Focused(); got != "a#drop" {
		t.Errorf("the focus is on %q", got)
	}
	tab.Click("#drop")
	tab.Click("dialog [data-cancel]")
	tab.Until(`!document.querySelector("dialog")`)
	tab.Click("#drop")
	tab.Leave(func() { tab.Click("dialog .danger") })
	tab.Wait("h1", "Dropped")

	tab.Go(s.URL)
	tab.Leave(func() { tab.Click("=Drop none") }) // no form there: the link itself
	tab.Wait("h1", "There is no such thing")

	tab.NoScript()
	tab.Go(s.URL)
	tab.Leave(func() { tab.Click("#drop") })
	tab.Leave(func() { tab.Click(".danger") })
	tab.Wait("h1", "Dropped")
}

func TestMenuCloses(t *testing.T) {
	tab := browser.Open(t)
	tab.Go(gallery(t).URL)
	open := `document.querySelector(".top .menu").open`
	for _, tt := range []struct {
		name    string
		close   func()
		focused string
	}{
		{"Escape", func() { tab.Press("Tab", "Escape") }, "summary Lena Learner"},
		{"a click elsewhere", func() { tab.Click("h1") }, ""},
		{"the focus elsewhere", func() { tab.Press("Tab", "Tab", "Tab") }, ""},
	} {
		tab.Focus("=Lena Learner")
		tab.Press("Enter")
		tab.Until(open)
		browser.Axe(t, tab)
		tt.close()
		tab.Until("!" + open)
		if got := tab.Focused(); tt.focused != "" && got != tt.focused {
			t.Errorf("%s: the focus is on %q", tt.name, got)
		}
	}
}

func TestCopy(t *testing.T) {
	tab := browser.Open(t)
	tab.Go(gallery(t).URL)
	tab.Click("=As code")
	browser.Announced(t, tab, "opie", func() { tab.Click("=Copy") })
}
