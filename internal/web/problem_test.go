package web_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/web"
)

func TestProblems(t *testing.T) {
	refusal := &trellis.Refusal{Extension: "org.example.seats", Filter: "org.example.enroll.v1", Code: "full", Message: "There is no seat left."}
	const quiet = "It is in the platform's log under the trace of this answer."
	for _, tt := range []struct {
		name, token   string
		err           error
		status        int
		kind          trellis.Kind
		detail, after string
		logged        bool
	}{
		{"invalid", "demo-learner", trellis.Errorf(trellis.Invalid, "no course"), 400, trellis.Invalid, "no course", "", false},
		{"denied", "demo-learner", trellis.Errorf(trellis.Denied, "not you"), 403, trellis.Denied, "not you", "", false},
		{"denied to nobody", "", trellis.Errorf(trellis.Denied, "not you"), 401, trellis.Denied, "not you", "", false},
		{"refused", "demo-learner", fmt.Errorf("enrol: %w", refusal), 403, trellis.Refused, "There is no seat left.", "", false},
		{"refused by a kind", "demo-learner", trellis.Errorf(trellis.Refused, "no"), 403, trellis.Refused, "no", "", false},
		{"not found", "demo-learner", trellis.Errorf(trellis.NotFound, "course"), 404, trellis.NotFound, "course", "", false},
		{"conflict", "demo-learner", trellis.Errorf(trellis.Conflict, "stale"), 409, trellis.Conflict, "stale", "", false},
		{"exhausted", "demo-learner", trellis.Exhaustedf(2500*time.Millisecond, "slowly"), 429, trellis.Exhausted, "slowly", "3", false},
		{"unavailable", "demo-learner", trellis.Errorf(trellis.Unavailable, "db at 10.0.0.1"), 503, trellis.Unavailable, quiet, "1", true},
		{"internal", "demo-learner", trellis.Errorf(trellis.Internal, "db at 10.0.0.1"), 500, trellis.Internal, quiet, "", true},
		{"of no kind", "demo-learner", errors.New("db at 10.0.0.1"), 500, trellis.Internal, quiet, "", true},
		{"a secret in another kind", "demo-learner", trellis.Errorf(trellis.Internal, "x: %w", trellis.Errorf(trellis.NotFound, "db at 10.0.0.1")), 500, trellis.Internal, quiet, "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log logs
			cfg := config()
			cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
			s := newServer(t, cfg, web.Route{Method: "GET", Path: "/", Public: true, Handle: func(c *fiber.Ctx) error {
				c.Set("Content-Disposition", "attachment")
				c.Status(201)
				_ = c.SendString("half an answer")
				return tt.err
			}})
			var headers []string
			if tt.token != "" {
				headers = []string{"Authorization", "Bearer " + tt.token}
			}
			res, raw := call(t, s, "GET", "/", "", headers...)
			p := problemOf(t, raw)
			if res.StatusCode != tt.status || p.Status != tt.status || p.Kind != tt.kind || p.Detail != tt.detail || p.Title == "" ||
				p.Type != "https://trellis.invalid/problems/"+string(tt.kind) {
				t.Errorf("%d %s", res.StatusCode, raw)
			}
			if got := res.Header.Get("Retry-After"); got != tt.after {
				t.Errorf("Retry-After %q, want %q", got, tt.after)
			}
			trace := res.Header.Get("Trace-Id")
			if p.Instance != "urn:trace:"+trace || len(trace) != 32 {
				t.Errorf("instance %q, trace %q", p.Instance, trace)
			}
			if got := res.Header.Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("type %q", got)
			}
			if res.Header.Get("Content-Disposition") != "" || strings.Contains(raw, "10.0.0.1") {
				t.Errorf("%v %s", res.Header, raw)
			}
			for name, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
				"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
			} {
				if got := res.Header.Get(name); got != want {
					t.Errorf("%s %q, want %q", name, got, want)
				}
			}
			lines := strings.Count(log.String(), "\n")
			if tt.logged && (lines != 1 || !strings.Contains(log.String(), "10.0.0.1") || !strings.Contains(log.String(), trace)) || !tt.logged && lines != 0 {
				t.Errorf("the log has\n%s", log.String())
			}
		})
	}
}

func TestRefusalsSayWho(t *testing.T) {
	effect := trellis.Effect{}
	s := newServer(t, config(), web.Route{Method: "GET", Path: "/", Public: true, Handle: func(*fiber.Ctx) error {
		return &trellis.Refusal{Extension: "x", Filter: "a.b", Code: "full", Message: "No.", Effect: &effect}
	}})
	_, raw := call(t, s, "GET", "/", "")
	if p := problemOf(t, raw); p.Extension != "x" || p.Filter != "a.b" || p.Code != "full" || p.Detail != "No." || p.Effect == nil {
		t.Errorf("%s", raw)
	}
}

func TestPanics(t *testing.T) {
	var log logs
	cfg := config()
	cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	s := newServer(t, cfg, web.Route{Method: "GET", Path: "/", Public: true, Handle: func(*fiber.Ctx) error { panic("the reason") }})
	for range 2 { // and it goes on
		res, raw := call(t, s, "GET", "/", "")
		if p := problemOf(t, raw); res.StatusCode != 500 || p.Kind != trellis.Internal || strings.Contains(raw, "reason") {
			t.Errorf("%d %s", res.StatusCode, raw)
		}
	}
	if got := strings.Count(log.String(), "the reason"); got != 2 || !strings.Contains(log.String(), "problem_test.go") {
		t.Errorf("the log has\n%s", log.String())
	}
}

func TestWhatIsNotRouted(t *testing.T) {
	addr, _ := start(t, newServer(t, config(), web.Route{Method: "GET", Path: "/a", Public: true, Handle: whoami},
		web.Route{Method: "PUT", Path: "/a", Public: true, Handle: whoami}))
	for _, tt := range []struct {
		name, text string
		status     int
		allow      string
	}{
		{"no such route", "GET /b HTTP/1.1\r\nHost: x\r\n\r\n", 404, ""},
		{"no such route of a tenant", "GET /t/demo/b HTTP/1.1\r\nHost: x\r\n\r\n", 404, ""},
		{"a path that goes on", "GET /a/ HTTP/1.1\r\nHost: x\r\n\r\n", 404, ""},
		{"the root", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 404, ""},
		{"another method", "DELETE /a HTTP/1.1\r\nHost: x\r\n\r\n", 405, "GET, HEAD, PUT"},
		{"another method of a tenant", "DELETE /t/demo/a HTTP/1.1\r\nHost: x\r\n\r\n", 405, "GET, HEAD, PUT"},
		{"no method", "BREW /a HTTP/1.1\r\nHost: x\r\n\r\n", 501, ""},
		{"no HTTP", "hello\r\n\r\n", 400, ""},
		{"a large head", "GET /a HTTP/1.1\r\nHost: x\r\nX-Secret: " + strings.Repeat("x", 20<<10) + "\r\n\r\n", 431, ""},
		{"a header with a space", "GET /a HTTP/1.1\r\nHost: x\r\nsecret : 1\r\n\r\n", 400, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, r := dial(t, addr)
			send(t, c, tt.text)
			res, raw := response(t, r)
			if res.StatusCode != tt.status || problemOf(t, raw).Status != tt.status || res.Header.Get("Allow") != tt.allow {
				t.Errorf("%d %q %s, want %d %q", res.StatusCode, res.Header.Get("Allow"), raw, tt.status, tt.allow)
			}
			if strings.Contains(raw, "secret") || strings.Contains(raw, "/b") {
				t.Errorf("it repeats the request: %s", raw)
			}
		})
	}
}

func TestAnswersThatCannotBeEncoded(t *testing.T) {
	s := newServer(t, config(), web.Route{Method: "GET", Path: "/", Public: true, Handle: func(c *fiber.Ctx) error {
		return web.JSON(c, 200, json.RawMessage("{"))
	}})
	if res, _ := call(t, s, "GET", "/", ""); res.StatusCode != 500 {
		t.Errorf("status %d", res.StatusCode)
	}
}
