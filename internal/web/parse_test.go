package web

import (
	"net/url"
	"strings"
	"testing"
)

func TestParseTraceParent(t *testing.T) {
	const id, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	for _, tt := range []struct {
		name, in    string
		ok, sampled bool
	}{
		{"good", "00-" + id + "-" + span + "-01", true, true},
		{"not sampled", "00-" + id + "-" + span + "-00", true, false},
		{"unknown flags", "00-" + id + "-" + span + "-fe", true, false},
		{"a later version", "cc-" + id + "-" + span + "-01-what", true, true},
		{"a later version, no more", "cc-" + id + "-" + span + "-01", true, true},
		{"a later version, joined on", "cc-" + id + "-" + span + "-01what", false, false},
		{"more than version 00 has", "00-" + id + "-" + span + "-01-what", false, false},
		{"the version that is none", "ff-" + id + "-" + span + "-01", false, false},
		{"no trace", "00-" + strings.Repeat("0", 32) + "-" + span + "-01", false, false},
		{"no span", "00-" + id + "-" + strings.Repeat("0", 16) + "-01", false, false},
		{"capitals", "00-" + strings.ToUpper(id) + "-" + span + "-01", false, false},
		{"short", "00-" + id + "-" + span, false, false},
		{"empty", "", false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, ok := parseTraceParent(tt.in)
			if ok != tt.ok || ok && (p.id != id || p.span != span || p.sampled != tt.sampled) {
				t.Errorf("%+v, %v", p, ok)
			}
		})
	}
}

func FuzzParseTraceParent(f *testing.F) {
	f.Add("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	f.Add("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more")
	f.Add("00-00000000000000000000000000000000-00f067aa0ba902b7-01")
	f.Fuzz(func(t *testing.T, in string) {
		p, ok := parseTraceParent(in)
		if ok && !strings.HasPrefix(in[2:], "-"+p.id+"-"+p.span+"-") {
			t.Errorf("%q became %+v", in, p)
		}
		out := parentOf(in)
		if again, ok := parseTraceParent(out.String()); !ok || again != out {
			t.Errorf("%q is answered with %q", in, out)
		}
	})
}

func FuzzCutTenant(f *testing.F) {
	for _, path := range []string{"/t/demo/api/v1/me", "/t/demo", "/t/_/x", "/t//x", "/t/de%6do/x", "/t/../x", "/api/t/demo", "/t/demo//x", "/t/demo/t/other/x"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		tenant, rest, ok := cutTenant(path)
		if !ok {
			if tenant != "" || rest != "" {
				t.Errorf("%q: %q %q", path, tenant, rest)
			}
			return
		}
		if !validTenant(tenant) || !strings.HasPrefix(rest, "/") || path != "/t/"+tenant+rest && path+"/" != "/t/"+tenant+rest {
			t.Errorf("%q: %q %q", path, tenant, rest)
		}
	})
}

func FuzzWellFramed(f *testing.F) {
	f.Add([]byte("Host: x\r\nContent-Length: 5\r\n\r\n"))
	f.Add([]byte("Host: x\r\nTransfer-Encoding: chunked\r\ncontent-length: 5\r\n\r\n"))
	f.Add([]byte("Content-Length: 5\r\n Content-Length: 6\r\n"))
	f.Fuzz(func(t *testing.T, head []byte) {
		if wellFramed(head) != nil {
			return
		}
		lower := "\n" + strings.ToLower(string(head))
		if strings.Count(lower, "\ncontent-length:")+strings.Count(lower, "\ntransfer-encoding:") > 1 {
			t.Errorf("%q passes", head)
		}
	})
}

func FuzzHostName(f *testing.F) {
	for _, host := range []string{"Demo.Example.org:8080", "demo.example.org.", "[::1]:80", "::1", "", ":80", "a:b:c"} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		name := hostName(host)
		if name != strings.ToLower(name) {
			t.Errorf("%q became %q", host, name)
		}
		if u, err := url.Parse("http://" + host); err == nil && u.Host == host && u.Hostname() != "" && !strings.ContainsAny(host, "%[]") {
			if want := strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")); name != want {
				t.Errorf("%q became %q, want %q", host, name, want)
			}
		}
	})
}
