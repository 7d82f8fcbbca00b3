package realtime_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/realtime"
	"github.com/trellis-learning/trellis/internal/web"
)

// asBrowser asks for a stream as a browser does that has a session.
func (p *platform) asBrowser(t *testing.T, method, session string, headers ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, p.url+"/stream/sse", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	if session != "" {
		req.AddCookie(&http.Cookie{Name: "trellis", Value: session})
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

func TestSessions(t *testing.T) {
	problems := web.Config{Pages: web.Pages{Problem: func(c *fiber.Ctx, p web.Problem) error { return web.HTML(c, p.Status, []byte("<h1>"+p.Title)) }}}
	p := start(t, realtime.Config{PerActor: 1}, problems)
	for _, tt := range []struct {
		name, method, session string
		headers               []string
		status                int
		typ                   string
	}{
		{"a page of ours", "GET", "admin", []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors"}, 200, "text/event-stream"},
		{"a browser that says nothing", "GET", "learner", nil, 200, "text/event-stream"},
		{"no session", "GET", "", nil, 401, "application/problem+json"},
		{"one that has ended", "GET", "ended", nil, 401, "application/problem+json"},
		{"another site", "GET", "staff", []string{"Sec-Fetch-Site", "cross-site"}, 403, "application/problem+json"},
		{"a neighbour", "GET", "staff", []string{"Sec-Fetch-Site", "same-site"}, 403, "application/problem+json"},
		{"another origin", "GET", "staff", []string{"Origin", "https://evil.example"}, 403, "application/problem+json"},
		{"another method", "POST", "staff", nil, 405, "application/problem+json"},
		{"a person who looks", "GET", "", []string{"Accept", "text/html,*/*"}, 401, "text/html; charset=utf-8"},
		{"a stream too many", "GET", "admin", nil, 429, "application/problem+json"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name == "a stream too many" {
				p.follow(t, "narrow", "", "") // another's is no reason
				first := p.asBrowser(t, "GET", "staff")
				tt.session = "staff"
				if first.StatusCode != 200 {
					t.Fatalf("the first: %d", first.StatusCode)
				}
			}
			res := p.asBrowser(t, tt.method, tt.session, tt.headers...)
			if res.StatusCode != tt.status || res.Header.Get("Content-Type") != tt.typ {
				t.Errorf("%d %s, want %d %s", res.StatusCode, res.Header.Get("Content-Type"), tt.status, tt.typ)
			}
			if wait := res.Header.Get("Retry-After"); (wait != "") != (tt.status == 429) {
				t.Errorf("Retry-After is %q", wait)
			}
			if tt.status == 200 {
				return
			}
			if raw, err := io.ReadAll(res.Body); err != nil || strings.Contains(string(raw), "event:") {
				t.Errorf("%s (%v)", raw, err)
			}
		})
	}
}

// TestStreamsEndWithTheAccount: what happens to a person is looked at once, not
// only when it is time.
func TestStreamsEndWithTheAccount(t *testing.T) {
	p := start(t, realtime.Config{Recheck: time.Hour, Heartbeat: time.Hour}, web.Config{})
	c := p.follow(t, "admin", "", "")
	p.keys.set("admin", func(actors map[string]trellis.Actor) { delete(actors, "admin") })
	p.log.add(trellis.Event{Type: typ, Person: "somebody"}, trellis.Event{Type: "org.trellis.person.erased.v1", Person: "ada"})
	c.ends("denied")
}

// TestStreamsEndWhenTold: what is told of a token is looked at once.
func TestStreamsEndWhenTold(t *testing.T) {
	p := start(t, realtime.Config{Recheck: time.Hour, Heartbeat: time.Hour}, web.Config{})
	c := p.follow(t, "admin", "", "")
	p.keys.tell <- struct{}{} // nothing has ended
	p.log.add(trellis.Event{Type: typ})
	c.want("1")
	p.keys.set("admin", func(actors map[string]trellis.Actor) { delete(actors, "admin") })
	p.keys.tell <- struct{}{}
	c.ends("denied")
}
