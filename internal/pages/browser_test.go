package pages_test

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/trellis-learning/trellis/internal/testkit"
)

// browser is a browser that runs no script: it keeps cookies, follows links and
// redirects, and sends of a form exactly what a browser would send. Each page that
// it gets is checked for what holds for every page; see [browser.inspect].
//
// Paths are those of the tenant whose name it was told by signIn or at: "/courses"
// is /t/demo/courses.
type browser struct {
	t      testing.TB
	p      *testkit.Platform
	client *http.Client
	base   string // "/t/TENANT"

	status int      // of the last answer
	at     *url.URL // where it came from, after redirects
	header http.Header
	body   string
	doc    *html.Node // nil if it is no HTML
}

// fields are what somebody enters into a form: a string; a bool for a checkbox; a
// []string for several of a kind; a file.
type fields map[string]any

// file is what somebody chooses in the field of a file.
type file struct {
	name string
	data []byte
}

func browse(t testing.TB, p *testkit.Platform) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, p: p, client: &http.Client{Jar: jar, Transport: &http.Transport{}}}
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(b.client.CloseIdleConnections)
	return b
}

// in says which tenant the paths are in, "" for none.
func (b *browser) in(tenant string) *browser {
	b.base = ""
	if tenant != "" {
		b.base = "/t/" + tenant
	}
	return b
}

// signIn signs somebody in, by the form.
func (b *browser) signIn(tenant, name, password string) *browser {
	b.t.Helper()
	b.in(tenant).get("/login")
	b.submit("Sign in", fields{"username": name, "password": password})
	if b.status != http.StatusOK || strings.HasSuffix(b.at.Path, "/login") {
		b.t.Fatalf("%s is not signed in: %d at %s: %s", name, b.status, b.at, b.text())
	}
	return b
}

// get opens a page.
func (b *browser) get(path string) *browser {
	b.t.Helper()
	b.send("GET", b.resolve(path), "", nil)
	return b
}

// follow opens the link of that text.
func (b *browser) follow(text string) *browser {
	b.t.Helper()
	for _, a := range b.find("a[href]") {
		if textOf(a) == text {
			b.send("GET", b.reference(attr(a, "href")), "", nil)
			return b
		}
	}
	b.t.Fatalf("there is no link %q at %s: %s", text, b.at, b.text())
	return b
}

// submit presses the button of that text (all of it, with what only screen readers
// say) or, if which begins with "form", the first button of the form that the
// selector finds. What is not entered stays as the page has it. To enter something
// for which there is no field is a fault of the test.
func (b *browser) submit(which string, enter fields) *browser {
	b.t.Helper()
	form, button := b.button(which)
	req := b.fill(form, button, enter)
	b.send(req.method, req.to, req.contentType, req.body)
	return b
}

// post sends what no form of the page has, with a token for forms: as somebody does
// who makes a request by hand.
func (b *browser) post(path string, values url.Values) *browser {
	b.t.Helper()
	to := b.resolve(path)
	sent := url.Values{"csrf": {b.csrf()}}
	maps.Copy(sent, values)
	b.send("POST", to, "application/x-www-form-urlencoded", []byte(sent.Encode()))
	return b
}

// csrf returns the token for forms of the page, or of the page of signing in.
func (b *browser) csrf() string {
	for range 2 {
		if f := b.find("input[name=csrf]"); len(f) > 0 {
			return attr(f[0], "value")
		}
		b.get("/login")
	}
	b.t.Fatal("there is no token for forms")
	return ""
}

// part asks for a part of a page, as the script does.
func (b *browser) part(path, name string) *browser {
	b.t.Helper()
	b.send("GET", b.resolve(path), "", nil, "Trellis-Fragment", name)
	return b
}

// send sends a request and follows redirects, each by a GET.
func (b *browser) send(method string, to *url.URL, contentType string, body []byte, heads ...string) {
	b.t.Helper()
	for range 10 {
		req, err := http.NewRequestWithContext(b.t.Context(), method, to.String(), bytes.NewReader(body))
		if err != nil {
			b.t.Fatal(err)
		}
		req.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		if b.at != nil {
			req.Header.Set("Referer", b.at.String())
		}
		if method != "GET" {
			req.Header.Set("Origin", b.p.URL)
			req.Header.Set("Content-Type", contentType)
		}
		for i := 0; i+1 < len(heads); i += 2 {
			req.Header.Set(heads[i], heads[i+1])
		}
		res, err := b.client.Do(req)
		if err != nil {
			b.t.Fatal(err)
		}
		raw, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil {
			b.t.Fatal(err)
		}
		b.status, b.at, b.header, b.body, b.doc = res.StatusCode, to, res.Header, string(raw), nil
		if location := res.Header.Get("Location"); location != "" && res.StatusCode >= 300 && res.StatusCode < 400 {
			method, body, contentType, heads, to = "GET", nil, "", nil, b.reference(location)
			continue
		}
		if strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
			if b.doc, err = html.Parse(bytes.NewReader(raw)); err != nil {
				b.t.Fatal(err)
			}
			if len(heads) == 0 {
				b.inspect()
			}
		}
		return
	}
	b.t.Fatalf("redirects without end at %s", to)
}

// resolve returns the address of a path of the tenant.
func (b *browser) resolve(path string) *url.URL {
	b.t.Helper()
	if b.base != "" && !strings.HasPrefix(path, b.base+"/") {
		path = b.base + path
	}
	to, err := url.Parse(b.p.URL + path)
	if err != nil {
		b.t.Fatal(err)
	}
	return to
}

// reference returns where a link of the present page leads. It may lead nowhere
// but to this host.
func (b *browser) reference(ref string) *url.URL {
	b.t.Helper()
	to, err := b.at.Parse(ref)
	if err != nil {
		b.t.Fatal(err)
	}
	if to.Scheme+"://"+to.Host != b.p.URL {
		b.t.Fatalf("the page %s leads elsewhere: %s", b.at, to)
	}
	return to
}

// text returns what the page says, in one line.
func (b *browser) text() string {
	if b.doc == nil {
		return b.body
	}
	body := b.find("body")
	if len(body) == 0 {
		return ""
	}
	return textOf(body[0])
}

// has reports whether the page says something.
func (b *browser) has(text string) bool { return strings.Contains(b.text(), text) }

// want fails the test unless the page has the status and says all of it.
func (b *browser) want(status int, texts ...string) *browser {
	b.t.Helper()
	if b.status != status {
		b.t.Errorf("status %d at %s, want %d: %.2000s", b.status, b.at, status, b.text())
	}
	for _, text := range texts {
		if !b.has(text) {
			b.t.Errorf("the page %s does not say %q: %.4000s", b.at, text, b.text())
		}
	}
	return b
}

// lacks fails the test if the page says any of it.
func (b *browser) lacks(texts ...string) *browser {
	b.t.Helper()
	for _, text := range texts {
		if b.has(text) {
			b.t.Errorf("the page %s says %q: %.4000s", b.at, text, b.text())
		}
	}
	return b
}

// fault fails the test unless the page shows a fault of a field twice: in the
// summary, which links to the field, and at the field.
func (b *browser) fault(field, text string) *browser {
	b.t.Helper()
	if !slices.ContainsFunc(b.find(".errors a[href=#field-"+field+"]"), func(n *html.Node) bool { return textOf(n) == text }) {
		b.t.Errorf("the summary of %s does not lead to %s with %q: %.2000s", b.at, field, text, b.text())
	}
	if at := b.find("#error-" + field); len(at) != 1 || textOf(at[0]) != text {
		b.t.Errorf("the field %s of %s does not say %q: %.2000s", field, b.at, text, b.text())
	}
	if at := b.find("#field-" + field); len(at) != 1 || attr(at[0], "aria-invalid") != "true" && at[0].Data != "fieldset" {
		b.t.Errorf("the field %s of %s is not marked", field, b.at)
	}
	return b
}

// inspect checks what holds for every page.
func (b *browser) inspect() {
	b.t.Helper()
	ids := map[string]bool{}
	labels := map[string]bool{}
	for _, l := range b.find("label[for]") {
		labels[attr(l, "for")] = true
	}
	for n := range b.doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		for _, a := range n.Attr {
			switch {
			case a.Key == "style" || strings.HasPrefix(a.Key, "on"):
				b.t.Errorf("%s: <%s> has the attribute %s, which the policy forbids", b.at, n.Data, a.Key)
			case a.Key == "id" && ids[a.Val]:
				b.t.Errorf("%s: two elements have the id %q", b.at, a.Val)
			case a.Key == "id":
				ids[a.Val] = true
			}
		}
		switch n.Data {
		case "style":
			b.t.Errorf("%s: <style> in the page, which the policy forbids", b.at)
		case "script":
			if attr(n, "src") == "" {
				b.t.Errorf("%s: a script in the page, which the policy forbids", b.at)
			}
		case "input", "select", "textarea":
			if !slices.Contains([]string{"hidden", "submit"}, attr(n, "type")) && !labels[attr(n, "id")] && attr(n, "aria-label") == "" && within(n, "label") == nil {
				b.t.Errorf("%s: the field %q has no label", b.at, attr(n, "name"))
			}
		case "form":
			if strings.EqualFold(attr(n, "method"), "post") && len(findIn(n, "input[name=csrf]")) != 1 {
				b.t.Errorf("%s: the form %q has no token", b.at, attr(n, "action"))
			}
		}
	}
	if n := len(b.find("h1")); n != 1 {
		b.t.Errorf("%s: %d headings of the first level", b.at, n)
	}
}
