//go:build browser

package browser_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/internal/browser"
)

// notes is a test that only remembers what it was failed with.
type notes struct {
	testing.TB
	said []string
}

func (n *notes) Helper()           {}
func (n *notes) Error(args ...any) { n.said = append(n.said, fmt.Sprint(args...)) }
func (n *notes) Errorf(format string, args ...any) {
	n.said = append(n.said, fmt.Sprintf(format, args...))
}

// TestChecksSee: each check finds a page that breaks it, and says what is wrong.
func TestChecksSee(t *testing.T) {
	bad := map[string]struct{ main, want string }{
		"no sideways scroll":         {`<div class="wide">A table that nobody can reach</div>`, "px in a window of"},
		"distances of text":          {`<p class="cut">Cut off, as soon as the lines have their distance</p>`, "is cut off"},
		"text at 200 %":              {`<p class="cut">Cut off, as soon as the letters are large</p>`, "with text at 200 %: the text of p.cut"},
		"edges of controls":          {`<label>Name <input class="faint"></label>`, "not 3:1"},
		"names of controls":          {`<table><tr><td><button>Off</button></td></tr><tr><td><button>Off</button></td></tr></table>`, "are named “Off”"},
		"words for states":           {`<span class="badge tall" data-state="bad"></span>`, "no word for it"},
		"words that blame":           {`<p>Oops, the name is invalid</p>`, "the page says"},
		"ids":                        {`<p id="a"></p><p id="a"></p><input aria-describedby="none" aria-label="x">`, "the id a stands twice"},
		"nothing moves":              {`<p class="spin">Turning</p>`, "still moves"},
		"drawings in forced colours": {`<svg class="own" viewBox="0 0 9 9"><rect class="red" width="9" height="9"/></svg>`, "no colour of the system"},
		"keyboard":                   {`<a class="mute" href="#x">Not seen to have the focus</a>`, "no outline"},
	}
	sheet := `.wide{inline-size:3000px} .cut{block-size:1.6rem;block-size:26px;overflow:hidden;inline-size:20rem;inline-size:330px} .faint{border:1px solid #eee;background:#fff!important}
.tall{inline-size:20px;block-size:20px} @keyframes s{to{rotate:1turn}} .spin{animation:s 1s infinite} .red.red{fill:#f00;stroke:#f00;forced-color-adjust:none} .mute.mute:focus{outline:none!important}`
	main := ""
	s := site(t, map[string]http.HandlerFunc{
		"GET /{$}": func(w http.ResponseWriter, _ *http.Request) {
			html(w, strings.Replace(page(`<main id="main" tabindex="-1"><h1>Bad</h1>`+main+`</main>`), "</head>", `<link rel="stylesheet" href="/bad.css"></head>`, 1))
		},
		"GET /bad.css": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/css")
			fmt.Fprint(w, sheet)
		},
	})
	tab := browser.Open(t)
	for _, check := range browser.Checks() {
		t.Run(check.Name, func(t *testing.T) {
			main = ""
			tab.In(t).Go(s.URL)
			well := &notes{TB: t}
			check.Run(well, tab)
			if len(well.said) > 0 {
				t.Errorf("a good page: %q", well.said)
			}
			main = bad[check.Name].main
			tab.In(t).Go(s.URL)
			got := &notes{TB: t}
			check.Run(got, tab)
			if !strings.Contains(strings.Join(got.said, "\n"), bad[check.Name].want) || main == "" {
				t.Errorf("said %q, want %q", got.said, bad[check.Name].want)
			}
		})
	}
}

func TestAxeSees(t *testing.T) {
	s := site(t, map[string]http.HandlerFunc{"GET /{$}": func(w http.ResponseWriter, _ *http.Request) {
		html(w, page(`<main id="main" tabindex="-1"><h1>Bad</h1><input><img src="/static/logo.svg"></main>`))
	}})
	tab := browser.Open(t)
	tab.Go(s.URL)
	got := &notes{TB: t}
	browser.Axe(got, tab)
	for _, rule := range []string{"axe: label (critical)", "axe: image-alt (critical)", "<input>"} {
		if !strings.Contains(strings.Join(got.said, "\n"), rule) {
			t.Errorf("%q is not in %q", rule, got.said)
		}
	}
}

// TestTabsWatch: what a page must not do is told, and what is allowed is not.
func TestTabsWatch(t *testing.T) {
	s := site(t, map[string]http.HandlerFunc{
		"GET /{$}": func(w http.ResponseWriter, _ *http.Request) {
			html(w, strings.Replace(page(`<main id="main" tabindex="-1"><h1 style="color:red">Bad</h1><img alt="" src="http://localhost:9/x.png"></main>`), "</head>", `<script type="module" src="/bad.js"></script></head>`, 1))
		},
		"GET /bad.js": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprint(w, `console.error("said", 7); setTimeout(() => { throw new Error("thrown") }); alert("hello"); open("about:blank"); fetch("/none"); window.done = true`)
		},
	})
	tab := browser.Open(t)
	tab.Go(s.URL)
	tab.Until(`window.done`)
	for _, want := range []string{"console: said 7", "thrown", `dialog of the browser: alert "hello"`, "content security policy: style-src", "content security policy: img-src", "status of 404", "request to another origin", "window opened"} {
		tab.Eventually(want, func() bool { return strings.Contains(strings.Join(tab.Faults(), "\n"), want) })
	}
	tab.Allow("said 7", "thrown", "dialog", "content security policy", "Content Security Policy", "status of 404", "window opened", "request to another origin: GET http://localhost:9/x.png")
	if left := tab.Faults(); len(left) > 0 {
		t.Errorf("not allowed: %q", left)
	}
}
