// Package pagestest is what tests of the pages have in common: a browser that runs
// no script ([Browser]), a school with people in it ([School]), and what they send.
// Only tests import it.
package pagestest

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

// Browser is a browser that runs no script: it keeps cookies, follows links and
// redirects, and sends of a form exactly what a browser would send. Each page that
// it gets is checked for what holds for every page; see inspect.
//
// Paths are those of the tenant whose name it was told by SignIn or In: "/courses"
// is /t/demo/courses.
type Browser struct {
	T      testing.TB
	P      *testkit.Platform
	Client *http.Client
	Base   string // "/t/TENANT"

	Status int      // of the last answer
	At     *url.URL // where it came from, after redirects
	Header http.Header
	Body   string
	doc    *html.Node // nil if it is no HTML
}

// Fields are what somebody enters into a form: a string; a bool for a checkbox; a
// []string for several of a kind; a file.
type Fields map[string]any

// File is what somebody chooses in the field of a file.
type File struct {
	Name string
	Data []byte
}

// Browse returns a browser that has been nowhere yet.
func Browse(t testing.TB, p *testkit.Platform) *Browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &Browser{T: t, P: p, Client: &http.Client{Jar: jar, Transport: &http.Transport{}}}
	b.Client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(b.Client.CloseIdleConnections)
	return b
}

// In says which tenant the paths are in, "" for none.
func (b *Browser) In(tenant string) *Browser {
	b.Base = ""
	if tenant != "" {
		b.Base = "/t/" + tenant
	}
	return b
}

// SignIn signs somebody in, by the form.
func (b *Browser) SignIn(tenant, name, password string) *Browser {
	b.T.Helper()
	b.In(tenant).Get("/login")
	b.Submit("Sign in", Fields{"username": name, "password": password})
	if b.Status != http.StatusOK || strings.HasSuffix(b.At.Path, "/login") {
		b.T.Fatalf("%s is not signed in: %d at %s: %s", name, b.Status, b.At, b.Text())
	}
	return b
}

// Get opens a page.
func (b *Browser) Get(path string) *Browser {
	b.T.Helper()
	b.Send("GET", b.Resolve(path), "", nil)
	return b
}

// Follow opens the link of that text.
func (b *Browser) Follow(text string) *Browser {
	b.T.Helper()
	for _, a := range b.Find("a[href]") {
		if TextOf(a) == text {
			b.Send("GET", b.reference(Attr(a, "href")), "", nil)
			return b
		}
	}
	b.T.Fatalf("there is no link %q at %s: %s", text, b.At, b.Text())
	return b
}

// Submit presses the button of that text (all of it, with what only screen readers
// say) or, if which begins with "form", the first button of the form that the
// selector finds. What is not entered stays as the page has it. To enter something
// for which there is no field is a fault of the test.
func (b *Browser) Submit(which string, enter Fields) *Browser {
	b.T.Helper()
	form, button := b.button(which)
	req := b.fill(form, button, enter)
	b.Send(req.method, req.to, req.contentType, req.body)
	return b
}

// Post sends what no form of the page has, with a token for forms: as somebody does
// who makes a request by hand.
func (b *Browser) Post(path string, values url.Values) *Browser {
	b.T.Helper()
	to := b.Resolve(path)
	sent := url.Values{"csrf": {b.CSRF()}}
	maps.Copy(sent, values)
	b.Send("POST", to, "application/x-www-form-urlencoded", []byte(sent.Encode()))
	return b
}

// CSRF returns the token for forms of the page, or of the page of signing in.
func (b *Browser) CSRF() string {
	for range 2 {
		if f := b.Find("input[name=csrf]"); len(f) > 0 {
			return Attr(f[0], "value")
		}
		b.Get("/login")
	}
	b.T.Fatal("there is no token for forms")
	return ""
}

// Part asks for a part of a page, as the script does.
func (b *Browser) Part(path, name string) *Browser {
	b.T.Helper()
	b.Send("GET", b.Resolve(path), "", nil, "Trellis-Fragment", name)
	return b
}

// Send sends a request and follows redirects, each by a GET.
func (b *Browser) Send(method string, to *url.URL, contentType string, body []byte, heads ...string) {
	b.T.Helper()
	for range 10 {
		req, err := http.NewRequestWithContext(b.T.Context(), method, to.String(), bytes.NewReader(body))
		if err != nil {
			b.T.Fatal(err)
		}
		req.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		if b.At != nil {
			req.Header.Set("Referer", b.At.String())
		}
		if method != "GET" {
			req.Header.Set("Origin", b.P.URL)
			req.Header.Set("Content-Type", contentType)
		}
		for i := 0; i+1 < len(heads); i += 2 {
			req.Header.Set(heads[i], heads[i+1])
		}
		res, err := b.Client.Do(req)
		if err != nil {
			b.T.Fatal(err)
		}
		raw, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil {
			b.T.Fatal(err)
		}
		b.Status, b.At, b.Header, b.Body, b.doc = res.StatusCode, to, res.Header, string(raw), nil
		if location := res.Header.Get("Location"); location != "" && res.StatusCode >= 300 && res.StatusCode < 400 {
			method, body, contentType, heads, to = "GET", nil, "", nil, b.reference(location)
			continue
		}
		if strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
			if b.doc, err = html.Parse(bytes.NewReader(raw)); err != nil {
				b.T.Fatal(err)
			}
			if len(heads) == 0 {
				b.inspect()
			}
		}
		return
	}
	b.T.Fatalf("redirects without end at %s", to)
}

// Resolve returns the address of a path of the tenant.
func (b *Browser) Resolve(path string) *url.URL {
	b.T.Helper()
	if b.Base != "" && !strings.HasPrefix(path, b.Base+"/") {
		path = b.Base + path
	}
	to, err := url.Parse(b.P.URL + path)
	if err != nil {
		b.T.Fatal(err)
	}
	return to
}

// reference returns where a link of the present page leads. It may lead nowhere
// but to this host.
func (b *Browser) reference(ref string) *url.URL {
	b.T.Helper()
	to, err := b.At.Parse(ref)
	if err != nil {
		b.T.Fatal(err)
	}
	if to.Scheme+"://"+to.Host != b.P.URL {
		b.T.Fatalf("the page %s leads elsewhere: %s", b.At, to)
	}
	return to
}

// Text returns what the page says, in one line.
func (b *Browser) Text() string {
	if b.doc == nil {
		return b.Body
	}
	body := b.Find("body")
	if len(body) == 0 {
		return ""
	}
	return TextOf(body[0])
}

// Has reports whether the page says something.
func (b *Browser) Has(text string) bool { return strings.Contains(b.Text(), text) }

// Want fails the test unless the page has the status and says all of it.
func (b *Browser) Want(status int, texts ...string) *Browser {
	b.T.Helper()
	if b.Status != status {
		b.T.Errorf("status %d at %s, want %d: %.2000s", b.Status, b.At, status, b.Text())
	}
	for _, text := range texts {
		if !b.Has(text) {
			b.T.Errorf("the page %s does not say %q: %.4000s", b.At, text, b.Text())
		}
	}
	return b
}

// Lacks fails the test if the page says any of it.
func (b *Browser) Lacks(texts ...string) *Browser {
	b.T.Helper()
	for _, text := range texts {
		if b.Has(text) {
			b.T.Errorf("the page %s says %q: %.4000s", b.At, text, b.Text())
		}
	}
	return b
}

// Fault fails the test unless the page shows a fault of a field twice: in the
// summary, which links to the field, and at the field.
func (b *Browser) Fault(field, text string) *Browser {
	b.T.Helper()
	if !slices.ContainsFunc(b.Find(".errors a[href=#field-"+field+"]"), func(n *html.Node) bool { return TextOf(n) == text }) {
		b.T.Errorf("the summary of %s does not lead to %s with %q: %.2000s", b.At, field, text, b.Text())
	}
	if at := b.Find("#error-" + field); len(at) != 1 || TextOf(at[0]) != text {
		b.T.Errorf("the field %s of %s does not say %q: %.2000s", field, b.At, text, b.Text())
	}
	if at := b.Find("#field-" + field); len(at) != 1 || Attr(at[0], "aria-invalid") != "true" && at[0].Data != "fieldset" {
		b.T.Errorf("the field %s of %s is not marked", field, b.At)
	}
	return b
}

// inspect checks what holds for every page.
func (b *Browser) inspect() {
	b.T.Helper()
	ids := map[string]bool{}
	labels := map[string]bool{}
	for _, l := range b.Find("label[for]") {
		labels[Attr(l, "for")] = true
	}
	for n := range b.doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		for _, a := range n.Attr {
			switch {
			case a.Key == "style" || strings.HasPrefix(a.Key, "on"):
				b.T.Errorf("%s: <%s> has the attribute %s, which the policy forbids", b.At, n.Data, a.Key)
			case a.Key == "id" && ids[a.Val]:
				b.T.Errorf("%s: two elements have the id %q", b.At, a.Val)
			case a.Key == "id":
				ids[a.Val] = true
			}
		}
		switch n.Data {
		case "style":
			b.T.Errorf("%s: <style> in the page, which the policy forbids", b.At)
		case "script":
			if Attr(n, "src") == "" {
				b.T.Errorf("%s: a script in the page, which the policy forbids", b.At)
			}
		case "input", "select", "textarea":
			if !slices.Contains([]string{"hidden", "submit"}, Attr(n, "type")) && !labels[Attr(n, "id")] && Attr(n, "aria-label") == "" && within(n, "label") == nil {
				b.T.Errorf("%s: the field %q has no label", b.At, Attr(n, "name"))
			}
		case "form":
			if strings.EqualFold(Attr(n, "method"), "post") && len(findIn(n, "input[name=csrf]")) != 1 {
				b.T.Errorf("%s: the form %q has no token", b.At, Attr(n, "action"))
			}
		}
	}
	if n := len(b.Find("h1")); n != 1 {
		b.T.Errorf("%s: %d headings of the first level", b.At, n)
	}
}
