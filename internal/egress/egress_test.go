package egress_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/egress"
)

// names answers with addresses, in turn: the last one for ever.
type names map[string][]string

func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	list := n[host]
	if len(list) == 0 {
		return nil, errors.New("no such host")
	}
	if len(list) > 1 {
		n[host] = list[1:]
	}
	return []netip.Addr{netip.MustParseAddr(list[0])}, nil
}

// TestForbiddenAddresses: whatever a name resolves to, private and reserved
// networks are not reached.
func TestForbiddenAddresses(t *testing.T) {
	for _, a := range []string{
		"10.1.2.3", "127.0.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255",
		"192.0.2.1", "198.18.0.1", "203.0.113.9", "::1", "::", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1",
		"64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::6440:1", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:a00:1::1", "2001:db8::1", "2001::1", "fec0::1",
		"::ffff:169.254.169.254", "::ffff:100.64.0.1", "0.1.2.3", "100.127.255.255", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254", "fd20:ce::254",
		"239.255.255.250", "ff05::1", "fe80::1%eth0", "127.255.255.254", "198.19.255.255", "240.0.0.1", "100::1", "3fff::1", "5f00::1",
	} {
		c := egress.New(egress.Config{Resolver: names{"api.example.org": {a}}})
		_, err := c.Do(t.Context(), egress.Request{Method: "GET", URL: "https://api.example.org/x?secret=1", Hosts: []string{"api.example.org"}})
		if trellis.KindOf(err) != trellis.Denied || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", a, err)
		}
	}
}

func TestForbiddenURLs(t *testing.T) {
	c := egress.New(egress.Config{Resolver: names{}})
	for url, want := range map[string]trellis.Kind{
		"http://api.example.org/": trellis.Denied, "ftp://api.example.org/": trellis.Denied, "https://user:pw@api.example.org/": trellis.Denied,
		"https://api.example.org:8443/": trellis.Denied, "https://other.example.org/": trellis.Denied, "https://127.0.0.1/": trellis.Denied, "https://2130706433/": trellis.Denied,
		"https://0x7f.1/": trellis.Denied, "https://api.example.org.evil.com/": trellis.Denied, "https:///x": trellis.Denied, "::": trellis.Invalid, "https://api.example.org/": trellis.Unavailable,
	} {
		_, err := c.Do(t.Context(), egress.Request{Method: "GET", URL: url, Hosts: []string{"api.example.org"}})
		if got := trellis.KindOf(err); got != want {
			t.Errorf("%s: %q (%v), want %q", url, got, err, want)
		}
	}
}

func TestFetch(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/big":
			_, _ = w.Write(make([]byte, 2<<20))
		case "/away":
			http.Redirect(w, r, "http://elsewhere.example/", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		default:
			w.Header().Set("Set-Cookie", "a=b")
			_, _ = w.Write([]byte(r.Method + " " + r.Header.Get("X-Test") + r.Header.Get("Cookie")))
		}
	}))
	defer server.Close()
	c := loopback(egress.Config{})
	hosts := []string{"127.0.0.1", "a.example"}
	server.URL = strings.Replace(server.URL, "127.0.0.1", "a.example", 1) // no proxy is asked for an address of this machine
	res, err := c.Do(t.Context(), egress.Request{Method: "post", URL: server.URL, Header: map[string]string{"X-Test": "yes"}, Hosts: hosts})
	if err != nil || string(res.Body) != "POST yes" || res.Header["set-cookie"] != "" {
		t.Errorf("%+v, %v", res, err)
	}
	for _, tt := range []struct {
		req  egress.Request
		want trellis.Kind
	}{
		{egress.Request{Method: "GET", URL: server.URL + "/big", Hosts: hosts}, trellis.Exhausted},
		{egress.Request{Method: "GET", URL: server.URL + "/away", Hosts: hosts}, trellis.Denied},
		{egress.Request{Method: "GET", URL: server.URL + "/loop", Hosts: hosts}, trellis.Denied},
		{egress.Request{Method: "POST", URL: server.URL, Hosts: hosts, ReadOnly: true}, trellis.Denied},
		{egress.Request{Method: "BREW", URL: server.URL, Hosts: hosts}, trellis.Invalid},
		{egress.Request{Method: "GET", URL: server.URL, Hosts: hosts, Header: map[string]string{"Host": "x"}}, trellis.Invalid},
		{egress.Request{Method: "GET", URL: server.URL, Hosts: hosts, Header: map[string]string{"A": "b\r\nC: d"}}, trellis.Invalid},
		{egress.Request{Method: "GET", URL: server.URL, Hosts: nil}, trellis.Denied},
	} {
		if _, err := c.Do(t.Context(), tt.req); trellis.KindOf(err) != tt.want {
			t.Errorf("%s %s: %v, want %q", tt.req.Method, tt.req.URL, err, tt.want)
		}
	}
}

// TestRebinding: a name is looked up once, and what was checked is what would be
// dialled: that it would be public the next time does not help.
func TestRebinding(t *testing.T) {
	n := names{"api.example.org": {"127.0.0.1", "8.8.8.8"}}
	c := egress.New(egress.Config{Resolver: n})
	if _, err := c.Do(t.Context(), egress.Request{Method: "GET", URL: "https://api.example.org/", Hosts: []string{"*.example.org"}}); trellis.KindOf(err) != trellis.Denied {
		t.Errorf("err = %v", err)
	}
}

func TestHosts(t *testing.T) {
	for _, tt := range []struct {
		pattern, host string
		want          bool
	}{
		{"api.example.org", "api.example.org", true}, {"api.example.org", "API.Example.org.", true}, {"api.example.org", "x.api.example.org", false},
		{"*.example.org", "api.example.org", true}, {"*.example.org", "example.org", false}, {"*.example.org", "evilexample.org", false},
	} {
		if got := egress.AllowsHost([]string{tt.pattern}, tt.host); got != tt.want {
			t.Errorf("%s, %s: %v", tt.pattern, tt.host, got)
		}
	}
	for pattern, ok := range map[string]bool{"api.example.org": true, "*.example.org": true, "*.org": false, "*": false, "Api.example.org": false, "a b": false, "": false, "x/y": false, "exämple.org": false} {
		if err := egress.ValidHost(pattern); (err == nil) != ok {
			t.Errorf("%q: %v", pattern, err)
		}
	}
}

// FuzzURL: no address is reached that the resolver of the test did not give, and
// it gives none.
func FuzzURL(f *testing.F) {
	f.Add("https://api.example.org/", "api.example.org")
	f.Add("http://[::ffff:127.0.0.1]:80/", "*.x")
	c := egress.New(egress.Config{Resolver: names{}})
	f.Fuzz(func(t *testing.T, url, host string) {
		if _, err := c.Do(t.Context(), egress.Request{Method: "GET", URL: url, Hosts: []string{host}}); err == nil {
			t.Errorf("%q with %q was reached", url, host)
		}
	})
}
