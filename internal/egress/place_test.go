package egress_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/egress"
)

// loopback is a client for which every name is this machine, which an operator
// allows.
func loopback(cfg egress.Config) *egress.Client {
	cfg.Allow = append(cfg.Allow, netip.MustParsePrefix("127.0.0.0/8"))
	cfg.Resolver = here{}
	return egress.New(cfg)
}

type here struct{}

func (here) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
}

// addresses answers every name with all of them.
type addresses []string

func (a addresses) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	var out []netip.Addr
	for _, s := range a {
		out = append(out, netip.MustParseAddr(s))
	}
	return out, nil
}

// TestEveryAddress: one address of a host that is not to be reached is enough to
// refuse it, wherever it stands.
func TestEveryAddress(t *testing.T) {
	for _, list := range []addresses{{"8.8.8.8", "10.0.0.1"}, {"10.0.0.1", "8.8.8.8"}, {"2606:4700::1", "::1"}, {"8.8.8.8", "::ffff:10.0.0.1"}} {
		c := egress.New(egress.Config{Resolver: list})
		if _, err := c.Do(t.Context(), egress.Request{Method: "GET", URL: "https://a.example/", Hosts: []string{"a.example"}}); trellis.KindOf(err) != trellis.Denied {
			t.Errorf("%v: %v", list, err)
		}
	}
}

// TestAllowedNetwork: an operator who allows a network allows that network: not
// other ports and plain http elsewhere.
func TestAllowedNetwork(t *testing.T) {
	allow := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}
	for _, tt := range []struct {
		name, url, address string
		want               trellis.Kind
	}{
		{"plain http to the internet", "http://a.example/", "8.8.8.8", trellis.Denied},
		{"another port of the internet", "https://a.example:8443/", "8.8.8.8", trellis.Denied},
		{"port 80 by https", "https://a.example:80/", "8.8.8.8", trellis.Denied},
		{"plain http to the port of https", "http://a.example:443/", "10.1.0.1", trellis.Denied},
		{"another private network", "https://a.example/", "10.2.0.1", trellis.Denied},
		{"another private network in disguise", "http://a.example/", "64:ff9b::a02:1", trellis.Denied},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := egress.New(egress.Config{Allow: allow, Resolver: addresses{tt.address}})
			_, err := c.Do(t.Context(), egress.Request{Method: "GET", URL: tt.url, Hosts: []string{"a.example"}})
			if got := trellis.KindOf(err); got != tt.want {
				t.Errorf("kind = %q, want %q (%v)", got, tt.want, err)
			}
		})
	}
}

// TestRedirects: what was meant for one place does not reach another, on whatever
// way, and a redirect leads to no host that was not granted and no private network.
func TestRedirects(t *testing.T) {
	type request struct{ host, path, header, referer, body string }
	var seen []request
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		host, _, _ := net.SplitHostPort(r.Host)
		seen = append(seen, request{host, r.URL.Path, r.Header.Get("Authorization") + r.Header.Get("X-Api-Key"), r.Referer(), string(body)})
		if to := r.URL.Query().Get("to"); to != "" {
			code := http.StatusFound
			if r.URL.Query().Has("keep") {
				code = http.StatusPermanentRedirect
			}
			http.Redirect(w, r, to, code)
		}
	})
	one, two := httptest.NewServer(handler), httptest.NewServer(handler)
	t.Cleanup(one.Close)
	t.Cleanup(two.Close)
	at := func(host string, s *httptest.Server, path, to string) string {
		_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
		u := "http://" + host + ":" + port + path
		if to != "" {
			u += "?to=" + url.QueryEscape(to)
		}
		return u
	}
	hosts := []string{"a.example", "b.example"}
	for _, tt := range []struct {
		name, method, url string
		last              request
		want              trellis.Kind
	}{
		{"at the same place", "GET", at("a.example", one, "/1", "/2"), request{"a.example", "/2", "keykey", at("a.example", one, "/1", "/2"), ""}, ""},
		{"to another host", "GET", at("a.example", one, "/1", at("b.example", one, "/2", "")), request{"b.example", "/2", "", "", ""}, ""},
		{"to another port", "GET", at("a.example", one, "/1", at("a.example", two, "/2", "")), request{"a.example", "/2", "", "", ""}, ""},
		{"there and back", "GET", at("a.example", one, "/1", at("b.example", one, "/2", at("a.example", one, "/3", ""))), request{"a.example", "/3", "", "", ""}, ""},
		{"a body to another host", "POST", at("a.example", one, "/1", at("b.example", one, "/2", "")) + "&keep", request{}, trellis.Denied},
		{"a body to the same place", "POST", at("a.example", one, "/1", "/2") + "&keep", request{"a.example", "/2", "keykey", at("a.example", one, "/1", "/2") + "&keep", "body"}, ""},
		{"to a host that was not granted", "GET", at("a.example", one, "/1", at("c.example", one, "/2", "")), request{}, trellis.Denied},
		{"to a user and password", "GET", at("a.example", one, "/1", strings.Replace(at("b.example", one, "/2", ""), "http://", "http://u:p@", 1)), request{}, trellis.Denied},
		{"to another scheme", "GET", at("a.example", one, "/1", "ftp://a.example/"), request{}, trellis.Denied},
		{"to a file", "GET", at("a.example", one, "/1", "file:///etc/passwd"), request{}, trellis.Denied},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen = nil
			body := ""
			if tt.method == "POST" {
				body = "body"
			}
			_, err := loopback(egress.Config{}).Do(t.Context(), egress.Request{Method: tt.method, URL: tt.url, Hosts: hosts, Body: []byte(body),
				Header: map[string]string{"Authorization": "key", "X-Api-Key": "key"}})
			if got := trellis.KindOf(err); got != tt.want {
				t.Fatalf("kind = %q, want %q (%v)", got, tt.want, err)
			}
			if len(seen) == 0 || err == nil && seen[len(seen)-1] != tt.last {
				t.Errorf("got %+v, want %+v at last", seen, tt.last)
			}
			if err != nil && len(seen) != 1 {
				t.Errorf("%d requests were sent: %+v", len(seen), seen)
			}
		})
	}
}

// TestRedirectIntoPrivate: a public host that sends on to a name of a private
// network is not followed.
func TestRedirectIntoPrivate(t *testing.T) {
	server := httptest.NewServer(http.RedirectHandler("https://inside.example/", http.StatusFound))
	t.Cleanup(server.Close)
	c := egress.New(egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Resolver: names{"inside.example": {"10.0.0.1"}}})
	_, err := c.Do(t.Context(), egress.Request{Method: "GET", URL: server.URL, Hosts: []string{"127.0.0.1", "inside.example"}})
	if trellis.KindOf(err) != trellis.Denied || !strings.Contains(err.Error(), "private or reserved") {
		t.Errorf("err = %v", err)
	}
}

// TestNoProxy: what the environment says of proxies is not for extensions. The
// environment is read once in a process, so this is asked of another one.
func TestNoProxy(t *testing.T) {
	proxied := false
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { proxied = true }))
	t.Cleanup(proxy.Close)
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFetch$", "-test.count=1")
	child.Env = os.Environ()
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		child.Env = append(child.Env, name+"="+proxy.URL)
	}
	child.Env = append(child.Env, "NO_PROXY=", "no_proxy=")
	if out, err := child.CombinedOutput(); err != nil || proxied {
		t.Errorf("%v, proxied %v\n%s", err, proxied, out)
	}
}

// TestHeaders: a caller sets neither what frames a request nor what names its
// host, in whatever letters, and nothing twice.
func TestHeaders(t *testing.T) {
	c := egress.New(egress.Config{Resolver: names{}})
	for _, name := range []string{"Host", "hOST", "Content-Length", "transfer-encoding", "Connection", "Upgrade", "TE", "Trailer", "Expect", "Cookie", "Proxy-Authorization", "", "a b", "a:b", "a\r\nb", "ä"} {
		_, err := c.Do(t.Context(), egress.Request{Method: "GET", URL: "https://a.example/", Hosts: []string{"a.example"}, Header: map[string]string{name: "x"}})
		if trellis.KindOf(err) != trellis.Invalid {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, h := range []map[string]string{{"X": "a\r\nHost: b"}, {"X": "a\nb"}, {"X": "a\x00b"}, {"X-A": "1", "x-a": "2"}} {
		if _, err := c.Do(t.Context(), egress.Request{Method: "GET", URL: "https://a.example/", Hosts: []string{"a.example"}, Header: h}); trellis.KindOf(err) != trellis.Invalid {
			t.Errorf("%q: %v", h, err)
		}
	}
	if _, err := c.Do(t.Context(), egress.Request{Method: "GET", URL: "https://a.example/", Hosts: []string{"a.example"}, Header: map[string]string{"X": strings.Repeat("x", 33<<10)}}); trellis.KindOf(err) != trellis.Exhausted {
		t.Errorf("many headers: %v", err)
	}
	if _, err := c.Do(t.Context(), egress.Request{Method: "POST", URL: "https://a.example/", Hosts: []string{"a.example"}, Body: make([]byte, 1<<20+1)}); trellis.KindOf(err) != trellis.Exhausted {
		t.Errorf("a big body: %v", err)
	}
}

// TestSizes: an answer is cut off where the limit is, however it is framed.
func TestSizes(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/endless":
			for {
				if _, err := w.Write(make([]byte, 4096)); err != nil {
					return
				}
			}
		case "/headers":
			w.Header().Set("X", strings.Repeat("x", 100<<10))
		case "/exact":
			_, _ = w.Write(make([]byte, 1000))
		}
	}))
	t.Cleanup(server.Close)
	c := loopback(egress.Config{MaxResponse: 1000})
	for path, want := range map[string]trellis.Kind{"/endless": trellis.Exhausted, "/headers": trellis.Unavailable, "/exact": ""} {
		res, err := c.Do(t.Context(), egress.Request{Method: "GET", URL: server.URL + path, Hosts: []string{"127.0.0.1"}})
		if got := trellis.KindOf(err); got != want {
			t.Errorf("%s: %q (%v), want %q", path, got, err, want)
		}
		if err == nil && len(res.Body) != 1000 {
			t.Errorf("%s: %d bytes", path, len(res.Body))
		}
	}
}

// stuck never finds a host.
type stuck struct{}

func (stuck) LookupNetIP(ctx context.Context, _, _ string) ([]netip.Addr, error) {
	<-ctx.Done()
	return nil, errors.New("no such host")
}

// TestTimeout: a request ends when its time is over, whatever it waits for.
func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := egress.New(egress.Config{Resolver: stuck{}, Timeout: 3 * time.Second}).Do(t.Context(), egress.Request{Method: "GET", URL: "https://a.example/", Hosts: []string{"a.example"}})
		if d := time.Since(began); trellis.KindOf(err) != trellis.Unavailable || d != 3*time.Second {
			t.Errorf("after %v: %v", d, err)
		}
	})
}
