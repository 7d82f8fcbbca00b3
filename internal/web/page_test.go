package web_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/web"
)

// site is a server with a few pages, and what they did.
type site struct {
	*web.Server
	done atomic.Int32 // forms that were taken
}

// newSite returns a server of pages at which demo-learner and other-learner are
// sessions, as are those of the operator "_-operator".
func newSite(t testing.TB, secure bool) *site {
	t.Helper()
	s := &site{}
	show := func(c *fiber.Ctx) error {
		a := trellis.ActorFrom(web.Context(c))
		return web.HTML(c, 200, []byte(web.CSRF(c)+" "+a.Tenant+" "+a.String()+" "+string(web.TakeFlash(c))))
	}
	take := func(c *fiber.Ctx) error {
		s.done.Add(1)
		f := web.FormOf(c)
		text := fmt.Sprint(f.Values["a"])
		if f.File != nil {
			n, err := io.Copy(io.Discard, f.File)
			if err != nil {
				return err
			}
			text += fmt.Sprintf(" %s %s %d", f.File.Field, f.File.Name, n)
		}
		return web.HTML(c, 200, []byte(text))
	}
	cfg := config()
	cfg.Pages = web.Pages{Key: []byte("key"), Secure: secure, Content: "https://content.example", Tenant: "demo", Problem: func(c *fiber.Ctx, p web.Problem) error {
		return web.HTML(c, p.Status, []byte("<h1>"+p.Title+"</h1>"))
	}}
	s.Server = newServer(t, cfg,
		web.Route{Method: "GET", Path: "/mine", Page: true, Handle: show},
		web.Route{Method: "POST", Path: "/mine", Page: true, Limit: 4 << 20, Handle: take},
		web.Route{Method: "GET", Path: "/open", Page: true, Public: true, Handle: show},
		web.Route{Method: "POST", Path: "/open", Page: true, Public: true, Limit: 4 << 20, Handle: take},
		web.Route{Method: "POST", Path: "/upload", Page: true, Stream: true, Limit: 1 << 30, Handle: take},
		web.Route{Method: "POST", Path: "/small", Page: true, Stream: true, Limit: 1 << 20, Handle: take},
		web.Route{Method: "POST", Path: "/in", Page: true, Public: true, Limit: 1 << 10, Handle: func(c *fiber.Ctx) error {
			old := web.SetSession(c, "demo-new", time.Now().Add(time.Hour))
			return web.HTML(c, 200, []byte(old))
		}},
		web.Route{Method: "POST", Path: "/out", Page: true, Public: true, Limit: 1 << 10, Handle: func(c *fiber.Ctx) error {
			web.SetFlash(c, []byte("signed out"))
			return web.HTML(c, 200, []byte(web.EndSession(c)))
		}},
		web.Route{Method: "GET", Path: "/to", Page: true, Public: true, Handle: func(c *fiber.Ctx) error {
			q, err := web.FormQuery(c)
			if err != nil {
				return err
			}
			return web.Redirect(c, q.Get("next"))
		}},
		web.Route{Method: "GET", Path: "/api/v1/me", Handle: whoami},
		web.Route{Method: "PUT", Path: "/api/v1/me", Limit: 1 << 10, Handle: whoami},
		web.Route{Method: "GET", Path: "/follow", Session: true, Stream: true, Handle: func(c *fiber.Ctx) error {
			return web.JSON(c, 200, web.Token(c))
		}},
		web.Route{Method: "GET", Path: "/busy", Page: true, Public: true, Handle: func(*fiber.Ctx) error {
			return trellis.Exhaustedf(90*time.Second, "too many")
		}},
	)
	return s
}

// csrf returns the token for the forms of whoever has the cookies.
func (s *site) csrf(t testing.TB, cookies string) string {
	t.Helper()
	res, body := call(t, s.Server, "GET", "/open", "", "Cookie", cookies)
	if res.StatusCode != 200 {
		t.Fatalf("page: %d %s", res.StatusCode, body)
	}
	token, _, _ := strings.Cut(body, " ")
	return token
}

const urlencoded = "application/x-www-form-urlencoded"

func TestPageHeads(t *testing.T) {
	s := newSite(t, false)
	secure := newSite(t, true)
	for _, tt := range []struct{ name, path, want string }{
		{"a page", "/open", ""}, {"one that sends elsewhere", "/to?next=/x", ""}, {"to sign in", "/mine", ""}, {"none", "/none", ""}, {"too many", "/busy", "90"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, method := range []string{"GET", "HEAD"} {
				res, body := call(t, s.Server, method, tt.path, "", "Accept", "text/html")
				h := res.Header
				for name, want := range map[string]string{
					"Content-Security-Policy":      "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' https://content.example; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
					"Cross-Origin-Opener-Policy":   "same-origin",
					"Cross-Origin-Resource-Policy": "same-origin",
					"Referrer-Policy":              "same-origin",
					"X-Content-Type-Options":       "nosniff",
					"Cache-Control":                "no-store",
					"Strict-Transport-Security":    "",
					"Retry-After":                  tt.want,
				} {
					if got := h.Get(name); got != want {
						t.Errorf("%s %s: %s is %q, want %q", method, tt.path, name, got, want)
					}
				}
				for _, want := range []string{"camera=()", "browsing-topics=()"} {
					if !strings.Contains(h.Get("Permissions-Policy"), want) {
						t.Errorf("Permissions-Policy is %q", h.Get("Permissions-Policy"))
					}
				}
				for _, want := range []string{"Cookie", "Trellis-Fragment", "Sec-Fetch-Site"} {
					if !strings.Contains(h.Get("Vary"), want) {
						t.Errorf("Vary is %q", h.Get("Vary"))
					}
				}
				if method == "HEAD" && body != "" {
					t.Errorf("HEAD has a body: %s", body)
				}
			}
		})
	}
	res, _ := call(t, secure.Server, "GET", "/open", "")
	if res.Header.Get("Strict-Transport-Security") != "max-age=31536000" {
		t.Errorf("by TLS: %v", res.Header)
	}
}

func TestCookiesAreOfThisHostAlone(t *testing.T) {
	for _, tt := range []struct {
		name   string
		secure bool
		prefix string
	}{{"by TLS", true, "__Host-"}, {"without", false, ""}} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, tt.secure)
			cookies := tt.prefix + "trellis-before=0123456789abcdef"
			res, _ := call(t, s.Server, "POST", "/in", "csrf="+s.csrf(t, cookies), "Cookie", cookies, "Content-Type", urlencoded)
			var all []*http.Cookie
			all = append(all, res.Cookies()...)
			out, _ := call(t, s.Server, "POST", "/out", "csrf="+s.csrf(t, cookies), "Cookie", cookies, "Content-Type", urlencoded)
			all = append(all, out.Cookies()...)
			first, _ := call(t, s.Server, "GET", "/open", "")
			all = append(all, first.Cookies()...)
			if len(all) != 5 {
				t.Fatalf("%d cookies: %v", len(all), all)
			}
			for _, c := range all {
				if !strings.HasPrefix(c.Name, tt.prefix+"trellis") || c.Secure != tt.secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
					t.Errorf("cookie %s", c)
				}
			}
		})
	}
}

func TestSessionsOfBrowsers(t *testing.T) {
	s := newSite(t, false)
	for _, tt := range []struct {
		name, method, path, cookie string
		headers                    []string
		status                     int
		want                       string // in the answer
	}{
		{"a page with a session", "GET", "/mine", "trellis=demo-learner", nil, 200, "demo person:7"},
		{"nobody", "GET", "/mine", "", nil, 401, ""},
		{"nobody at an open page", "GET", "/open", "", nil, 200, " demo "},
		{"a session that has ended", "GET", "/mine", "trellis=ended", nil, 401, ""},
		{"a session that has ended, at an open page", "GET", "/open", "trellis=ended", nil, 200, " demo "},
		{"at another tenant's door", "GET", "/t/other/mine", "trellis=demo-learner", nil, 404, ""},
		{"at another tenant's open page", "GET", "/t/other/open", "trellis=demo-learner", nil, 200, " other "},
		{"at another tenant's host", "GET", "http://other.example.org/mine", "trellis=demo-learner", nil, 404, ""},
		{"at no tenant's door", "GET", "/t/none/mine", "trellis=demo-learner", nil, 404, ""},
		{"an operator's at a tenant's door", "GET", "/t/other/mine", "trellis=_-operator", nil, 200, "other person:7"},
		{"two of one name", "GET", "/mine", "trellis=demo-learner; trellis=other-learner", nil, 400, "Two sessions"},
		{"two of one name, at an open page", "GET", "/open", "trellis=demo-learner; trellis=other-learner", nil, 200, " demo "},
		{"the same one twice", "GET", "/mine", "trellis=demo-learner; trellis=demo-learner", nil, 200, "demo person:7"},
		{"an empty one and another", "GET", "/mine", "trellis=; trellis=demo-learner", nil, 400, "Two sessions"},
		{"garbage", "GET", "/mine", "trellis=\x80\xff; =; ;;;trellis", nil, 401, ""},
		{"that of the secure cookie", "GET", "/mine", "__Host-trellis=demo-learner", nil, 401, ""},
		{"in the address", "GET", "/mine?trellis=demo-learner&token=demo-learner&session=demo-learner", "", nil, 401, ""},
		{"the API takes no session", "GET", "/api/v1/me", "trellis=demo-learner", nil, 401, ""},
		{"nor to change anything", "PUT", "/api/v1/me", "trellis=demo-learner", nil, 401, ""},
		{"nor by another method's name", "POST", "/api/v1/me", "trellis=demo-learner", []string{"X-HTTP-Method-Override", "PUT"}, 405, ""},
		{"a script's stream", "GET", "/follow", "trellis=demo-learner", []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors"}, 200, `"demo-learner"`},
		{"one with a token", "GET", "/follow", "", []string{"Authorization", "Bearer demo-learner", "Sec-Fetch-Site", "cross-site"}, 200, `"demo-learner"`},
		{"one of another site", "GET", "/follow", "trellis=demo-learner", []string{"Sec-Fetch-Site", "cross-site"}, 403, "Not from another site"},
		{"one of a neighbour", "GET", "/follow", "trellis=demo-learner", []string{"Sec-Fetch-Site", "same-site"}, 403, "Not from another site"},
		{"one of another origin, as old browsers say", "GET", "/follow", "trellis=demo-learner", []string{"Origin", "https://evil.example"}, 403, "Not from another site"},
		{"one without a session", "GET", "/follow", "", nil, 401, ""},
		{"a link from elsewhere", "GET", "/mine", "trellis=demo-learner", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200, "demo person:7"},
		{"a frame elsewhere", "GET", "/mine", "trellis=demo-learner", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, 403, ""},
		{"an image elsewhere", "GET", "/mine", "trellis=demo-learner", []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"}, 403, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			headers := append([]string{"Accept", "text/html"}, tt.headers...)
			if tt.cookie != "" {
				headers = append(headers, "Cookie", tt.cookie)
			}
			res, body := call(t, s.Server, tt.method, tt.path, "", headers...)
			if res.StatusCode != tt.status || !strings.Contains(body, tt.want) {
				t.Errorf("%d %s, want %d %q", res.StatusCode, body, tt.status, tt.want)
			}
		})
	}
}

func TestSigningInIsANewSession(t *testing.T) {
	s := newSite(t, false)
	for _, tt := range []struct{ name, path, held string }{
		{"nobody before", "/in", ""}, {"somebody before", "/in", "demo-learner"}, {"somebody of another tenant", "/t/other/in", "demo-learner"},
		{"a planted one", "/in", "planted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cookies := "trellis-before=0123456789abcdef"
			token := s.csrf(t, cookies)
			if tt.held != "" {
				cookies += "; trellis=" + tt.held
			}
			if tt.held == "demo-learner" && tt.path == "/in" {
				token = s.csrf(t, cookies)
			}
			res, body := call(t, s.Server, "POST", tt.path, "csrf="+token, "Cookie", cookies, "Content-Type", urlencoded)
			if res.StatusCode != 200 || body != tt.held {
				t.Fatalf("%d, to revoke: %q, want %q", res.StatusCode, body, tt.held)
			}
			if got := res.Header.Values("Set-Cookie"); len(got) != 2 || !strings.HasPrefix(got[0], "trellis=demo-new;") || !strings.HasPrefix(got[1], "trellis-before=;") {
				t.Errorf("cookies %q", got)
			}
		})
	}
}

func TestFlash(t *testing.T) {
	s := newSite(t, false)
	const cookies = "trellis-before=0123456789abcdef"
	res, _ := call(t, s.Server, "POST", "/out", "csrf="+s.csrf(t, cookies), "Cookie", cookies, "Content-Type", urlencoded)
	var left string
	for _, c := range res.Cookies() {
		if c.Name == "trellis-flash" {
			left = "trellis-flash=" + c.Value
		}
	}
	for _, tt := range []struct {
		name, path, cookie string
		want, kept         bool
	}{
		{"its reader", "/open", left, true, false},
		{"a head takes nothing away", "HEAD /open", left, false, true},
		{"another tenant's page", "/t/other/open", left, false, false},
		{"somebody who has signed in", "/open", left + "; trellis=demo-learner", false, false},
		{"a changed one", "/open", left[:15] + "A" + left[16:], false, false},
		{"one without a signature", "/open", "trellis-flash=c2lnbmVkIG91dA", false, false},
		{"two", "/open", left + "; trellis-flash=x", false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			method, path, ok := strings.Cut(tt.path, " ")
			if !ok {
				method, path = "GET", tt.path
			}
			res, body := call(t, s.Server, method, path, "", "Cookie", tt.cookie+"; "+cookies)
			if got := strings.Contains(body, "signed out"); got != tt.want {
				t.Errorf("it says %q", body)
			}
			if kept := len(res.Header.Values("Set-Cookie")) == 0; kept != tt.kept {
				t.Errorf("cookies %q", res.Header.Values("Set-Cookie"))
			}
		})
	}
}

func TestPagesAboutProblems(t *testing.T) {
	s := newSite(t, false)
	addr, _ := start(t, s.Server)
	const person, tool = "Accept: text/html,*/*;q=0.8\r\n", "Accept: application/json\r\n"
	for _, tt := range []struct {
		name, text string
		status     int
		want       string
	}{
		{"no such page", "GET /none HTTP/1.1\r\nHost: x\r\n" + person + "\r\n", 404, "<h1>There is no such thing</h1>"},
		{"no such page for a tool", "GET /none HTTP/1.1\r\nHost: x\r\n" + tool + "\r\n", 404, `"kind":"not_found"`},
		{"another method", "DELETE /open HTTP/1.1\r\nHost: x\r\n" + person + "\r\n", 405, "<h1>"},
		{"too large", "POST /open HTTP/1.1\r\nHost: x\r\n" + person + "Content-Length: 9999999\r\n\r\n" + strings.Repeat("a", 8<<10), 413, "<h1>"},
		{"a large head", "GET /open HTTP/1.1\r\nHost: x\r\n" + person + "Cookie: a=" + strings.Repeat("x", 20<<10) + "\r\n\r\n", 431, "<h1>The head of the request is too large</h1>"},
		{"a large head of a tool", "GET /open HTTP/1.1\r\nHost: x\r\n" + tool + "Cookie: a=" + strings.Repeat("x", 20<<10) + "\r\n\r\n", 431, `"status":431`},
		{"no such method", "BREW /open HTTP/1.1\r\nHost: x\r\n" + person + "\r\n", 501, "<h1>"},
		{"the API's problems are for tools", "GET /api/v1/me HTTP/1.1\r\nHost: x\r\n" + person + "\r\n", 401, `"kind":"denied"`},
		{"a part of a page is for scripts", "GET /busy HTTP/1.1\r\nHost: x\r\nTrellis-Fragment: a\r\n" + person + "\r\n", 429, `"kind":"exhausted"`},
		{"a stream that a person looks at", "GET /follow HTTP/1.1\r\nHost: x\r\n" + person + "\r\n", 401, "<h1>"},
		{"a stream", "GET /follow HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n", 401, `"kind":"denied"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, r := dial(t, addr)
			send(t, c, tt.text)
			res, body := response(t, r)
			if res.StatusCode != tt.status || !strings.Contains(body, tt.want) {
				t.Errorf("%d %s, want %d %q", res.StatusCode, body, tt.status, tt.want)
			}
			if strings.HasPrefix(tt.want, "<") != strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
				t.Errorf("type %q", res.Header.Get("Content-Type"))
			}
			if got := res.Header.Get("Content-Security-Policy"); strings.HasPrefix(tt.want, "<") && !strings.HasPrefix(got, "default-src 'none'") {
				t.Errorf("Content-Security-Policy %q", got)
			}
		})
	}
}
