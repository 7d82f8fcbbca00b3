package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/api"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/web"
)

// who knows everybody, as one and the same.
type who struct{}

func (who) Authenticate(context.Context, string, string) (trellis.Actor, error) {
	return trellis.Actor{Tenant: "demo", ID: "ada", Kind: trellis.PersonActor, Roles: []trellis.Role{{Name: trellis.RoleTenantAdmin}}}, nil
}
func (who) TenantOfHost(context.Context, string) (string, bool) { return "", false }
func (who) TenantExists(context.Context, string) (bool, error)  { return true, nil }

// wanted has a field of every type that a parameter may have.
type wanted struct {
	Course string          `json:"course" doc:"c"`
	Limit  int             `json:"limit,omitempty" doc:"l"`
	Share  float64         `json:"share,omitempty" doc:"s"`
	Active *bool           `json:"active,omitempty" doc:"a"`
	Modes  []string        `json:"modes,omitempty" doc:"m"`
	Rest   json.RawMessage `json:"rest,omitempty" doc:"r"`
}

// server serves one operation, which answers with what it was asked.
func server(tb testing.TB) *web.Server {
	tb.Helper()
	s, err := newServer()
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func newServer() (*web.Server, error) {
	ops, err := hostapi.New(hostapi.Config{Operations: []hostapi.Operation{
		hostapi.Define(hostapi.Spec{Name: "courses.show", Permission: "courses:read", Doors: hostapi.HTTP("POST", "/api/v1/courses/:course"), Doc: "A course."},
			func(in wanted) hostapi.Scope { return hostapi.Scope{Course: in.Course} },
			func(_ context.Context, in wanted) (wanted, error) { return in, nil }),
	}, Quotas: hostapi.Quotas{Reads: -1, Writes: -1}})
	if err != nil {
		return nil, err
	}
	routes, err := api.New(api.Config{API: ops}).Routes()
	if err != nil {
		return nil, err
	}
	s := web.New(web.Config{Authenticator: who{}, Tenants: who{}})
	return s, s.Mount(routes...)
}

func ask(s *web.Server, target, body string) (int, string, error) {
	req := httptest.NewRequest("POST", target, strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer x")
	req.Header.Set("Content-Type", "application/json")
	res, err := s.App().Test(req, -1)
	if err != nil {
		return 0, "", err
	}
	raw, err := io.ReadAll(res.Body)
	return res.StatusCode, string(raw), err
}

// Example declares an operation and asks for it over HTTP: path, query and body
// together are its input.
func Example() {
	s, err := newServer()
	if err != nil {
		panic(err)
	}
	_, answer, err := ask(s, "/api/v1/courses/course-v1:A+B+1?limit=3&modes=audit&modes=honor", `{"active":false,"rest":[1,{"x":null}]}`)
	if err != nil {
		panic(err)
	}
	fmt.Println(answer)
	// Output: {"course":"course-v1:A+B+1","limit":3,"active":false,"modes":["audit","honor"],"rest":[1,{"x":null}]}
}

// FuzzInput: whatever is asked is answered, and never with a fault of ours; and
// what the path says cannot be said otherwise elsewhere.
func FuzzInput(f *testing.F) {
	f.Add("limit=3&modes=a&modes=b", `{"active":true}`)
	f.Add("share=1e309", `{"share":1}`)
	f.Add("share=NaN", ``)
	f.Add("course=x", `{"course":"y"}`)
	f.Add("rest=1", `{"rest":null}`)
	f.Add("%zz=&&=", "{\"limit\":9999999999999999999999}")
	s := server(f)
	f.Fuzz(func(t *testing.T, query, body string) {
		if strings.ContainsFunc(query, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '#' || r == 0xfffd }) {
			t.Skip() // not the line of a request
		}
		status, answer, err := ask(s, "/api/v1/courses/here?"+query, body)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case status == 200:
			var out wanted
			if err := json.Unmarshal([]byte(answer), &out); err != nil || out.Course != "here" {
				t.Errorf("?%s %s: %s", query, body, answer)
			}
		case status != 400 && status != 413:
			t.Errorf("?%s %s: %d %s", query, body, status, answer)
		}
	})
}
