package web_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/web"
)

func TestTenant(t *testing.T) {
	s := newServer(t, config(),
		web.Route{Method: "GET", Path: "/me", Handle: whoami},
		web.Route{Method: "GET", Path: "/anyone", Public: true, Handle: whoami},
	)
	const local = "http://localhost"
	for _, tt := range []struct {
		name, url, token, header string
		status                   int
		want                     string
	}{
		{"the token's own", local + "/me", "demo-learner", "", 200, "demo person:7"},
		{"by path", local + "/t/demo/me", "demo-learner", "", 200, "demo person:7"},
		{"by host", "http://demo.example.org/me", "demo-learner", "", 200, "demo person:7"},
		{"by host, with port and capitals", "http://DEMO.example.org.:8080/me", "demo-learner", "", 200, "demo person:7"},
		{"by header", local + "/me", "demo-learner", "demo", 200, "demo person:7"},
		{"by all of them", "http://demo.example.org/t/demo/me", "demo-learner", "demo", 200, "demo person:7"},
		{"another by path", local + "/t/other/me", "demo-learner", "", 404, ""},
		{"another by host", "http://other.example.org/me", "demo-learner", "", 404, ""},
		{"another by header", local + "/me", "demo-learner", "other", 404, ""},
		{"own path, another header", local + "/t/demo/me", "demo-learner", "other", 404, ""},
		{"none by path", local + "/t/none/me", "demo-learner", "", 404, ""},
		{"the platform's", local + "/t/_/me", "demo-learner", "", 404, ""},
		{"host and path differ", "http://demo.example.org/t/other/me", "demo-learner", "", 404, ""},
		{"host and path differ, for an operator", "http://demo.example.org/t/other/me", "_-operator", "", 404, ""},
		{"no name of a tenant", local + "/t/De_mo/me", "demo-learner", "", 404, ""},
		{"a tenant's operator is none", local + "/t/other/me", "demo-operator", "", 404, ""},
		{"the platform's learner is no operator", local + "/t/demo/me", "_-learner", "", 404, ""},

		{"operator at home", local + "/me", "_-operator", "", 200, "_ person:7"},
		{"operator at home by path", local + "/t/_/me", "_-operator", "", 200, "_ person:7"},
		{"operator by path", local + "/t/demo/me", "_-operator", "", 200, "demo person:7"},
		{"operator by host", "http://demo.example.org/me", "_-operator", "", 200, "demo person:7"},
		{"operator by header", local + "/me", "_-operator", "other", 200, "other person:7"},
		{"operator by path and header", local + "/t/demo/me", "_-operator", "demo", 200, "demo person:7"},
		{"operator names two", local + "/t/demo/me", "_-operator", "other", 400, ""},
		{"operator names none that is", local + "/me", "_-operator", "none", 404, ""},
		{"operator names nonsense", local + "/me", "_-operator", "a b", 404, ""},

		{"nobody", local + "/me", "", "", 401, ""},
		{"nobody in a tenant", local + "/t/demo/me", "", "", 401, ""},
		{"nobody where there is no tenant", local + "/t/none/me", "", "", 401, ""},
		{"unknown token", local + "/t/demo/me", "x", "", 401, ""},
		{"unknown token where there is no tenant", local + "/t/none/me", "x", "", 401, ""},

		{"anyone, nowhere", local + "/anyone", "", "", 200, " nobody"},
		{"anyone by path", local + "/t/demo/anyone", "", "", 200, "demo nobody"},
		{"anyone by host", "http://demo.example.org/anyone", "", "", 200, "demo nobody"},
		{"anyone by header", local + "/anyone", "", "demo", 200, "demo nobody"},
		{"anyone names two", local + "/t/demo/anyone", "", "other", 404, ""},
		{"anyone where there is no tenant", local + "/t/none/anyone", "", "", 404, ""},
		{"anyone with a token", local + "/anyone", "demo-learner", "", 200, "demo person:7"},
		{"anyone with a token that is unknown", local + "/anyone", "x", "", 401, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var headers []string
			if tt.token != "" {
				headers = append(headers, "Authorization", "Bearer "+tt.token)
			}
			if tt.header != "" {
				headers = append(headers, "Trellis-Tenant", tt.header)
			}
			res, raw := call(t, s, "GET", tt.url, "", headers...)
			if res.StatusCode != tt.status || tt.status == 200 && raw != `"`+tt.want+`"` {
				t.Errorf("%d %s, want %d %q", res.StatusCode, raw, tt.status, tt.want)
			}
			if got := res.Header.Get("WWW-Authenticate") != ""; got != (tt.status == 401) {
				t.Errorf("WWW-Authenticate: %q", res.Header.Get("WWW-Authenticate"))
			}
		})
	}
}

// TestTokensTellNothing: with a token that is not taken, or of another tenant, a
// tenant that there is answers like one that there is not.
func TestTokensTellNothing(t *testing.T) {
	s := newServer(t, config(), web.Route{Method: "GET", Path: "/me", Handle: whoami})
	for _, token := range []string{"", "Bearer x", "Basic eDp5", "Bearer demo-learner", "Bearer"} {
		var answers []web.Problem
		for _, tenant := range []string{"other", "none", "_"} {
			for _, headers := range [][]string{{"Trellis-Tenant", tenant}, {"X-None", ""}} {
				path := "/t/" + tenant + "/me"
				if headers[0] == "Trellis-Tenant" {
					path = "/me"
				}
				_, raw := call(t, s, "GET", path, "", append(headers, "Authorization", token)...)
				p := problemOf(t, raw)
				if token == "" || token == "Basic eDp5" || token == "Bearer" || token == "Bearer x" {
					if p.Status != 401 {
						t.Errorf("%q: %s", token, raw)
					}
				}
				p.Instance = ""
				answers = append(answers, p)
			}
		}
		for _, p := range answers[1:] {
			if p != answers[0] {
				t.Errorf("%q: %+v is not %+v", token, p, answers[0])
			}
		}
	}
}

func TestOtherSchemes(t *testing.T) {
	s := newServer(t, config(),
		web.Route{Method: "GET", Path: "/lrs", Public: true, Handle: func(c *fiber.Ctx) error {
			if c.Get("Authorization") != "Basic a" {
				c.Set("WWW-Authenticate", `Basic realm="lrs"`)
				return trellis.Errorf(trellis.Denied, "the key is unknown")
			}
			return whoami(c)
		}})
	if res, raw := call(t, s, "GET", "/t/demo/lrs", "", "Authorization", "Basic a"); res.StatusCode != 200 || raw != `"demo nobody"` {
		t.Errorf("%d %s", res.StatusCode, raw)
	}
	res, _ := call(t, s, "GET", "/t/demo/lrs", "", "Authorization", "Basic b")
	if res.StatusCode != 401 || res.Header.Get("WWW-Authenticate") != `Basic realm="lrs"` {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
}

// TestTokensInTheURL: a token in the query is none, for queries are logged by
// everything on the way.
func TestTokensInTheURL(t *testing.T) {
	s := newServer(t, config(), web.Route{Method: "GET", Path: "/me", Handle: whoami})
	if res, _ := call(t, s, "GET", "/me?access_token=demo-learner", ""); res.StatusCode != 401 {
		t.Errorf("status %d", res.StatusCode)
	}
}

func TestWhenNobodyKnows(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  web.Config
	}{
		{"whose token", web.Config{Authenticator: people{errors.New("secret reason")}, Tenants: tenants{}}},
		{"which tenants", web.Config{Authenticator: people{}, Tenants: tenants{errors.New("secret reason")}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log logs
			tt.cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			s := newServer(t, tt.cfg, web.Route{Method: "GET", Path: "/me", Handle: whoami})
			res, raw := call(t, s, "GET", "/t/demo/me?q=hidden", "", "Authorization", "Bearer _-operator")
			if res.StatusCode != 500 || strings.Contains(raw, "reason") {
				t.Errorf("%d %s", res.StatusCode, raw)
			}
			if got := strings.Count(log.String(), "secret reason"); got != 1 {
				t.Errorf("logged %d times:\n%s", got, log.String())
			}
			if strings.Contains(log.String(), "_-operator") || strings.Contains(log.String(), "hidden") {
				t.Errorf("the log tells too much:\n%s", log.String())
			}
		})
	}
}

func TestIdempotencyKey(t *testing.T) {
	id := func(c *fiber.Ctx) error { return web.JSON(c, 200, trellis.IDFrom(web.Context(c))) }
	s := newServer(t, config(),
		web.Route{Method: "POST", Path: "/a/:b", Handle: id}, web.Route{Method: "PUT", Path: "/a/:b", Handle: id},
		web.Route{Method: "POST", Path: "/open", Public: true, Handle: id})
	ask := func(method, path, token, key string) string {
		res, raw := call(t, s, method, path, "", "Authorization", "Bearer "+token, "Idempotency-Key", key)
		if res.StatusCode != 200 {
			t.Fatalf("%d %s", res.StatusCode, raw)
		}
		return raw
	}
	first := ask("POST", "/a/1", "demo-learner", "k")
	if again := ask("POST", "/t/demo/a/1", "demo-learner", "k"); again != first {
		t.Errorf("a repeat gets %s, not %s", again, first)
	}
	for _, other := range []string{
		ask("POST", "/a/1", "demo-learner", "k2"), ask("POST", "/a/2", "demo-learner", "k"), ask("PUT", "/a/1", "demo-learner", "k"),
		ask("POST", "/a/1", "other-learner", "k"),
	} {
		if other == first {
			t.Error("another request gets the same identifier")
		}
	}
	if once := ask("POST", "/open", "demo-learner", "k"); ask("POST", "/open", "demo-learner", "k") == once {
		t.Error("a key counts where anybody may ask")
	}
	if res, _ := call(t, s, "POST", "/a/1", "", "Authorization", "Bearer demo-learner", "Idempotency-Key", strings.Repeat("k", 256)); res.StatusCode != 400 {
		t.Errorf("a long key: %d", res.StatusCode)
	}
}
