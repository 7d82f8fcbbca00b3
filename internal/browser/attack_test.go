//go:build browser

package browser_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/extensions/bundle"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/browser"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// attacked is a platform with somebody who is signed in, and the second origin.
type attacked struct {
	*testkit.Platform
	content string
	tab     *browser.Tab
}

func attack(t *testing.T) *attacked {
	t.Helper()
	content, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(content.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	a := &attacked{content: "http://localhost:" + port}
	a.Platform = testkit.Start(t, app.Config{ContentURL: a.content})
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- a.Content.Serve(ctx, content) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	demo := a.Tenant(t, "demo")
	for _, name := range []string{"kim", "mallory"} {
		if _, err := a.Learning.Register(demo, learning.Register{Username: name, Name: name, Password: "correct horse"}); err != nil {
			t.Fatal(err)
		}
	}
	a.tab = browser.Open(t)
	a.tab.Go(a.URL + "/t/demo/login")
	a.tab.Type("#field-username", "kim")
	a.tab.Type("#field-password", "correct horse")
	a.tab.Leave(func() { a.tab.Press("Enter") })
	a.signedIn(t)
	return a
}

// signedIn fails the test unless kim is.
func (a *attacked) signedIn(t *testing.T) {
	t.Helper()
	a.tab.Go(a.URL + "/t/demo/courses")
	if text := a.tab.Text("body"); !strings.Contains(text, "kim") || !strings.HasSuffix(a.tab.URL(), "/courses") {
		t.Errorf("kim is no longer signed in: %s: %s", a.tab.URL(), text)
	}
}

// TestAnotherSite lets a page of another site do what it can with the session of
// somebody who visits it.
func TestAnotherSite(t *testing.T) {
	a := attack(t)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if r.URL.Path == "/login" { // signs the visitor in as somebody else
			fmt.Fprintf(w, `<form method="post" action="%s/t/demo/login"><input name="username" value="mallory"><input name="password" value="correct horse"></form><script>document.forms[0].submit()</script>`, a.URL)
			return
		}
		fmt.Fprintf(w, `<!doctype html><iframe name="f"></iframe><iframe src="%[1]s/t/demo/courses"></iframe>
<form method="post" action="%[1]s/t/demo/logout" target="f"></form>
<form method="post" action="%[1]s/api/v1/courses" target="f" enctype="text/plain"><input name='{"key":"course-v1:E+Vil+1","title":"' value='"}'></form>
<script>
const at = %[2]q, results = {}, all = []
const note = (name, p) => all.push(p.then(v => results[name] = "worked: " + v, () => results[name] = "refused"))
const loads = (name, el, src) => note(name, new Promise((ok, no) => { el.onload = () => ok("loaded"); el.onerror = no; el.src = src; document.body.append(el) }))
for (const f of document.forms) f.submit()
note("reading a page", fetch(at + "/t/demo/courses", {credentials: "include"}).then(r => r.text()))
note("reading the API", fetch(at + "/api/v1/me", {credentials: "include"}).then(r => r.text()))
note("a method that is asked for first", fetch(at + "/api/v1/courses", {method: "PUT", credentials: "include", headers: {"Content-Type": "application/json"}, body: "{}"}))
all.push(fetch(at + "/api/v1/courses", {method: "POST", mode: "no-cors", credentials: "include", body: '{"key":"course-v1:E+Vil+1","title":"x"}'}).catch(() => {}))
navigator.sendBeacon(at + "/t/demo/logout", new URLSearchParams("csrf="))
loads("a picture", new Image(), at + "/t/demo/courses")
loads("a script", document.createElement("script"), at + "/t/demo/courses")
note("a stream", new Promise((ok, no) => { const s = new EventSource(at + "/t/demo/stream/sse", {withCredentials: true}); s.onopen = () => ok("open"); s.onerror = () => { s.close(); no() } }))
Promise.all(all).then(() => window.results = results)
</script>`, a.URL, a.URL)
	}))
	defer site.Close()
	evil := strings.Replace(site.URL, "127.0.0.1", "localhost", 1)
	head := a.DB.Log().Head()
	a.tab.Allow("") // it may complain of all of this
	a.tab.Go(evil + "/")
	a.tab.Until("window.results")
	for name, got := range browser.Eval[map[string]string](a.tab, "window.results") {
		if got != "refused" {
			t.Errorf("%s: %s", name, got)
		}
	}
	a.signedIn(t)
	a.tab.Go(evil + "/login")
	a.tab.Wait("h1", "The form is out of date")
	a.signedIn(t)
	if got := a.DB.Log().Head(); got != head {
		t.Errorf("%d events have happened", got-head)
	}
}

// TestFilesOfBundles opens hostile files of a bundle: a drawing runs no script, and
// a page runs its own as nobody.
func TestFilesOfBundles(t *testing.T) {
	a := attack(t)
	const mark = `document.documentElement.setAttribute("data-ran", self.origin)`
	b, err := bundle.Make(map[string][]byte{
		"extension.json":   []byte(`{"id":"acme.evil","version":"1.0.0","abi":1,"title":"Evil","filters":[{"on":"org.openedx.learning.course.enrollment.started.v1","call":"unreachable"}]}`),
		"main.wasm":        testkit.Module(t, "trap"),
		"assets/evil.svg":  []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload='` + mark + `'><script>` + mark + `</script><foreignObject><iframe xmlns="http://www.w3.org/1999/xhtml" srcdoc="x"/></foreignObject></svg>`),
		"assets/evil.xml":  []byte(`<x xmlns:h="http://www.w3.org/1999/xhtml"><h:script>` + mark + `</h:script></x>`),
		"assets/evil.html": []byte(`<!doctype html><p>Evil</p><script>` + mark + `</script>`),
	})
	if err != nil {
		t.Fatal(err)
	}
	var zip strings.Builder
	if err := b.Write(&zip); err != nil {
		t.Fatal(err)
	}
	a.Install(t, app.System(t.Context(), "demo"), []byte(zip.String()), "", nil)
	a.tab.Allow("")
	for name, want := range map[string]string{"evil.svg": "", "evil.xml": "", "evil.html": "null"} {
		a.tab.Go(a.content + "/assets/" + b.Digest + "/" + name)
		if got := browser.Eval[string](a.tab, `document.documentElement.getAttribute("data-ran") || ""`); got != want {
			t.Errorf("%s has run as %q, want %q", name, got, want)
		}
		if got := browser.Eval[string](a.tab, `(() => { try { return document.cookie } catch { return "" } })()`); got != "" {
			t.Errorf("%s sees the cookie %s", name, got)
		}
	}
	a.signedIn(t)
}
