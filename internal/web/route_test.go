package web_test

import (
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/trellis-learning/trellis/internal/metrics"
	"github.com/trellis-learning/trellis/internal/web"
)

func TestMount(t *testing.T) {
	r := func(method, path, name string) web.Route {
		return web.Route{Method: method, Path: path, Name: name, Handle: whoami}
	}
	for _, tt := range []struct {
		name string
		then []web.Route
		want string
	}{
		{"beside it", []web.Route{r("GET", "/b", "b"), r("PUT", "/a/:id", "c"), r("GET", "/a/:id/x", "d")}, ""},
		{"the same again", []web.Route{r("GET", "/a/:id", "b")}, "takes its requests"},
		{"two at once", []web.Route{r("GET", "/b", "b"), r("GET", "/b", "c")}, "takes its requests"},
		{"behind a parameter", []web.Route{r("GET", "/a/word", "b")}, "takes its requests"},
		{"behind all", []web.Route{r("GET", "/all/x/y", "b")}, "takes its requests"},
		{"behind all of another method", []web.Route{r("POST", "/all/x/y", "b")}, ""},
		{"a word after a parameter, at once", []web.Route{r("GET", "/b/:id", "b"), r("GET", "/b/word", "c")}, ""},
		{"another name of a parameter", []web.Route{r("PUT", "/a/:key", "b")}, "names its parameters otherwise"},
		{"a name twice", []web.Route{r("GET", "/b", "a")}, "has the name a too"},
		{"the server's own", []web.Route{r("GET", "/healthz", "b")}, "takes its requests"},
		{"no method", []web.Route{r("BREW", "/b", "b")}, "no such method"},
		{"no name", []web.Route{r("GET", "/b", "")}, "needs a name"},
		{"no handler", []web.Route{{Method: "GET", Path: "/b", Name: "b"}}, "needs a name"},
		{"no path", []web.Route{r("GET", "b", "b")}, "a path is"},
		{"a tenant's path", []web.Route{r("GET", "/t/demo/b", "b")}, "a path is"},
		{"a star within", []web.Route{r("GET", "/b/*/c", "b")}, "a path is"},
		{"an optional parameter", []web.Route{r("GET", "/b/:c?", "b")}, "a path is"},
		{"no schema", []web.Route{{Method: "GET", Path: "/b", Name: "b", Handle: whoami, Request: []byte("[]")}}, "a schema is"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, config(), r("GET", "/a/:id", "a"), r("GET", "/all/*", "all"))
			before := len(s.Routes())
			err := s.Mount(tt.then...)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if err != nil && len(s.Routes()) != before {
				t.Error("something was mounted all the same")
			}
		})
	}
}

// TestParams: what stands in a path arrives as it was meant, course keys above all.
func TestParams(t *testing.T) {
	s := newServer(t, config(),
		web.Route{Method: "GET", Path: "/c/:course/x", Public: true, Handle: func(c *fiber.Ctx) error {
			course, err := web.Param(c, "course")
			if err != nil {
				return err
			}
			query, err := web.Query(c)
			if err != nil {
				return err
			}
			return web.JSON(c, 200, []string{course, query.Get("q")})
		}},
		web.Route{Method: "GET", Path: "/c/:course", Public: true, Handle: func(c *fiber.Ctx) error { return web.JSON(c, 200, "parameter") }},
		web.Route{Method: "GET", Path: "/c/word", Public: true, Handle: func(c *fiber.Ctx) error { return web.JSON(c, 200, "word") }},
	)
	addr, _ := start(t, s)
	for _, tt := range []struct {
		name, target string
		status       int
		want         string
	}{
		{"a plus", "/c/course-v1:A+B+C/x?q=course-v1:A+B+C", 200, `["course-v1:A+B+C","course-v1:A+B+C"]`},
		{"a plus that is escaped", "/c/course-v1:A%2BB%2BC/x?q=A%2BB", 200, `["course-v1:A+B+C","A+B"]`},
		{"a colon that is escaped", "/c/course-v1%3AA+B+C/x", 200, `["course-v1:A+B+C",""]`},
		{"a slash that is escaped", "/c/a%2Fb/x?q=a%2Fb", 200, `["a/b","a/b"]`},
		{"a percent sign", "/c/100%25/x?q=100%25", 200, `["100%","100%"]`},
		{"beyond ASCII", "/c/%C3%84/x?q=%C3%84", 200, `["Ä","Ä"]`},
		{"of a tenant", "/t/demo/c/A%2FB+C/x?q=1", 200, `["A/B+C","1"]`},
		{"points", "/c/%2e%2e/x", 200, `["..",""]`},
		{"not escaped rightly", "/c/%zz/x", 400, ""},
		{"no text", "/c/%ff/x", 400, ""},
		{"a zero", "/c/a%00/x", 400, ""},
		{"a query that is not escaped rightly", "/c/a/x?q=%zz", 400, ""},
		{"a query that is no text", "/c/a/x?q=%ff", 400, ""},
		{"a parameter", "/c/other", 200, `"parameter"`},
		{"a word before a parameter", "/c/word", 200, `"word"`},
		{"capitals", "/C/word", 404, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, r := dial(t, addr)
			send(t, c, "GET "+tt.target+" HTTP/1.1\r\nHost: x\r\n\r\n")
			if res, raw := response(t, r); res.StatusCode != tt.status || tt.want != "" && raw != tt.want {
				t.Errorf("%d %s, want %d %s", res.StatusCode, raw, tt.status, tt.want)
			}
		})
	}
}

func TestHead(t *testing.T) {
	s := newServer(t, config(), web.Route{Method: "GET", Path: "/a", Public: true, Handle: whoami})
	if res, raw := call(t, s, "HEAD", "/a", ""); res.StatusCode != 200 || raw != "" || res.ContentLength != int64(len(`" nobody"`)) {
		t.Errorf("%d %q, length %d", res.StatusCode, raw, res.ContentLength)
	}
}

func TestMetrics(t *testing.T) {
	for _, tt := range []struct {
		name    string
		proxies []string
		headers []string
		status  int
	}{
		{"this machine", nil, nil, 200},
		{"through a proxy on this machine that nobody told us of", nil, []string{"X-Forwarded-For", "127.0.0.1"}, 404},
		{"through one that says so otherwise", nil, []string{"Forwarded", "for=127.0.0.1"}, 404},
		{"through a proxy of ours, from elsewhere", []string{"127.0.0.1"}, []string{"X-Forwarded-For", "127.0.0.1, 192.0.2.1"}, 404},
		{"through a proxy of ours, that says nothing", []string{"127.0.0.1"}, nil, 404},
		{"an operator from elsewhere", []string{"127.0.0.1"}, []string{"X-Forwarded-For", "192.0.2.1", "Authorization", "Bearer _-operator"}, 200},
		{"an operator in a tenant", nil, []string{"X-Forwarded-For", "192.0.2.1", "Authorization", "Bearer _-operator", "Trellis-Tenant", "demo"}, 200},
		{"a tenant's operator", nil, []string{"X-Forwarded-For", "192.0.2.1", "Authorization", "Bearer demo-operator"}, 404},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config()
			cfg.Metrics, cfg.TrustedProxies = metrics.New(), tt.proxies
			addr, _ := start(t, newServer(t, cfg, web.Route{Method: "GET", Path: "/a/:b", Public: true, Handle: whoami}))
			c, r := dial(t, addr)
			send(t, c, "GET /a/secret HTTP/1.1\r\nHost: x\r\n\r\n")
			_, _ = response(t, r)
			head := "GET /metrics HTTP/1.1\r\nHost: x\r\n"
			for i := 0; i < len(tt.headers); i += 2 {
				head += tt.headers[i] + ": " + tt.headers[i+1] + "\r\n"
			}
			send(t, c, head+"\r\n")
			res, raw := response(t, r)
			if res.StatusCode != tt.status {
				t.Fatalf("%d %s", res.StatusCode, raw)
			}
			if tt.status == 200 && (!strings.Contains(raw, `trellis_http_request_seconds_count{method="GET",route="/a/:b",status="2xx"} 1`) || strings.Contains(raw, "secret")) {
				t.Errorf("the metrics are\n%s", raw)
			}
		})
	}
}

func TestClientAddress(t *testing.T) {
	for _, tt := range []struct {
		name, forwarded, want string
		proxies               []string
	}{
		{"no proxy", "", "127.0.0.1", nil},
		{"nobody is believed", "192.0.2.1", "127.0.0.1", nil},
		{"a proxy", "192.0.2.1", "192.0.2.1", []string{"127.0.0.1"}},
		{"a proxy, and what the client invented", "198.51.100.1, 192.0.2.1", "192.0.2.1", []string{"127.0.0.0/8"}},
		{"two proxies", "198.51.100.1, 192.0.2.1, 10.1.2.3", "192.0.2.1", []string{"127.0.0.1", "10.0.0.0/8"}},
		{"IPv6", "2001:db8::1", "2001:db8::1", []string{"127.0.0.1"}},
		{"nonsense", "192.0.2.1, unknown", "127.0.0.1", []string{"127.0.0.1"}},
		{"only proxies", "127.0.0.1", "127.0.0.1", []string{"127.0.0.1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config()
			cfg.TrustedProxies = tt.proxies
			addr, _ := start(t, newServer(t, cfg, web.Route{Method: "GET", Path: "/", Public: true, Handle: func(c *fiber.Ctx) error {
				return web.JSON(c, 200, web.ClientAddress(c))
			}}))
			c, r := dial(t, addr)
			send(t, c, "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: "+tt.forwarded+"\r\n\r\n")
			if _, raw := response(t, r); raw != `"`+tt.want+`"` {
				t.Errorf("%s, want %s", raw, tt.want)
			}
		})
	}
}

// TestMetricsKeepTheirLabels: the labels of what was measured are not the memory
// that the server uses again for the next request.
func TestMetricsKeepTheirLabels(t *testing.T) {
	cfg := config()
	cfg.Metrics = metrics.New()
	s := newServer(t, cfg,
		web.Route{Method: "GET", Path: "/a/:b", Name: "get", Public: true, Handle: whoami},
		web.Route{Method: "DELETE", Path: "/a/:b", Name: "delete", Public: true, Handle: whoami},
		web.Route{Method: "PATCH", Path: "/a/:b", Name: "patch", Public: true, Handle: whoami})
	addr, _ := start(t, s)
	c, r := dial(t, addr)
	for _, method := range []string{"GET", "DELETE", "PATCH", "HEAD", "GET"} {
		send(t, c, method+" /a/b HTTP/1.1\r\nHost: x\r\n\r\n")
		if method == "HEAD" {
			c, r = dial(t, addr) // a HEAD's answer has no body, which the reader does not know
			continue
		}
		_, _ = response(t, r)
	}
	send(t, c, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
	res, raw := response(t, r)
	if res.StatusCode != 200 {
		t.Fatalf("%d %s", res.StatusCode, raw)
	}
	for method, n := range map[string]string{"GET": "2", "DELETE": "1", "PATCH": "1"} {
		if want := `trellis_http_request_seconds_count{method="` + method + `",route="/a/:b",status="2xx"} ` + n; !strings.Contains(raw, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}
