package web_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/trellis-learning/trellis/internal/web"
)

// TestKnown: a browser is known for those who have signed in there, in their tenant
// and by their name; the mark stays the same, and nobody makes one.
func TestKnown(t *testing.T) {
	cfg := config()
	cfg.Pages = web.Pages{Key: []byte("key"), Secure: true, Tenant: "demo"}
	s := newServer(t, cfg,
		web.Route{Method: "GET", Path: "/set", Page: true, Public: true, Handle: func(c *fiber.Ctx) error {
			web.SetKnown(c, "demo", c.Query("name"))
			return web.HTML(c, 200, nil)
		}},
		web.Route{Method: "GET", Path: "/known", Page: true, Public: true, Handle: func(c *fiber.Ctx) error {
			return web.HTML(c, 200, []byte(web.Known(c, c.Query("tenant"), c.Query("name"))))
		}},
	)
	const cookie = "__Host-trellis-known"
	set := func(held, name string) string {
		t.Helper()
		res := fetch(t, s, "/set?name="+name, cookie, held)
		for _, c := range res.Cookies() {
			if c.Name == cookie && c.Secure && c.HttpOnly && c.Path == "/" && c.Domain == "" {
				return c.Value
			}
		}
		t.Fatalf("there is no cookie: %v", res.Header)
		return ""
	}
	known := func(held, tenant, name string) string {
		t.Helper()
		raw, err := io.ReadAll(fetch(t, s, "/known?tenant="+tenant+"&name="+name, cookie, held).Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	ada := set("", "ada")
	both := set(ada, "bob")
	mark := known(ada, "demo", "ada")
	if mark == "" || known(both, "demo", "ada") != mark || known(set(both, "ada"), "demo", "ada") != mark || known(both, "demo", "bob") == "" {
		t.Errorf("marks %q of %q and %q", mark, ada, both)
	}
	for _, tt := range []struct{ name, held, tenant, who string }{
		{"another", ada, "demo", "bob"}, {"another tenant's", ada, "other", "ada"}, {"none", "", "demo", "ada"}, {"forged", "x" + ada, "demo", "ada"}, {"cut", ada[:len(ada)-1], "demo", "ada"},
		{"one of too many", strings.Repeat("x_", 20) + ada, "demo", "ada"},
	} {
		if got := known(tt.held, tt.tenant, tt.who); got != "" {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
	for i := range 20 {
		both = set(both, fmt.Sprint("p", i))
	}
	if len(both) > 1000 || known(both, "demo", "ada") != "" {
		t.Errorf("the cookie has %d bytes", len(both))
	}
}

func fetch(t testing.TB, s *web.Server, path, cookie, held string) *http.Response {
	t.Helper()
	req := httptest.NewRequest("GET", path, nil)
	if held != "" {
		req.AddCookie(&http.Cookie{Name: cookie, Value: held})
	}
	res, err := s.App().Test(req, -1)
	if err != nil {
		t.Fatal(err)
	}
	return res
}
