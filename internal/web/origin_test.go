package web_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/internal/web"
)

func TestLocal(t *testing.T) {
	for _, tt := range []struct {
		path string
		want bool
	}{
		{"/", true}, {"/courses", true}, {"/courses/course-v1:Acme+GO1+2026?a=b&c=%20#main", true}, {"/a//b", true}, {"/a%2Fb", true},
		{"/search?q=//evil.example", true}, {"/%e2%80%ae", true}, {"/@evil.example", true}, {"/a:b@evil.example", true}, {"/...", true},
		{"", false}, {"courses", false}, {"?a", false}, {"#a", false}, {"evil.example", false}, {"http://evil.example", false}, {"https:/evil.example", false},
		{"javascript:alert(1)", false}, {"data:text/html,x", false}, {"//evil.example", false}, {"///evil.example", false}, {"/\\evil.example", false},
		{"\\/evil.example", false}, {"\\\\evil.example", false}, {"/a\\b", false}, {"/%5cevil.example", false}, {"/%5Cevil.example", false},
		{"/%2fevil.example", false}, {"%2f%2fevil.example", false}, {"/\t/evil.example", false}, {"/%09/evil.example", false}, {"/\n/evil.example", false},
		{"/\r\nSet-Cookie: a=b", false}, {"/%0d%0aSet-Cookie:%20a=b", false}, {"\t//evil.example", false}, {" //evil.example", false}, {"/ ", false},
		{"/..//evil.example", false}, {"/.//evil.example", false}, {"/a/../..//evil.example", false}, {"/%2e%2e//evil.example", false}, {"/.%2E/x", false},
		{"/../../t/other/courses", false}, {"/a/..", false}, {"/.", false}, {"/a%2f..%2fb", false},
		{"/\x00", false}, {"/%00", false}, {"/a%7f", false}, {"/\u2044evil.example", false}, {"/\uff0fevil.example", false}, {"/\u2028", false}, {"/\u202e", false},
		{"/%", false}, {"/%zz", false}, {"//user:password@evil.example/", false}, {"/\xff", false}, {"/" + strings.Repeat("a", 3000), false},
	} {
		if got := web.Local(tt.path); got != tt.want {
			t.Errorf("%q: %v, want %v", tt.path, got, tt.want)
		}
	}
}

func FuzzLocal(f *testing.F) {
	for _, seed := range []string{"/", "/courses?next=/a#b", "//evil.example", "/\\evil", "/..//evil.example", "/%2e%2e/", "/%5c", "http://evil", "/\t/evil", "/a%2fb"} {
		f.Add(seed)
	}
	here, err := url.Parse("https://trellis.example/t/demo/login?next=x")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if !web.Local(path) {
			return
		}
		for _, base := range []string{"", "/t/demo"} {
			// As browsers read it: tabs and newlines are nothing, a backslash is a slash.
			read := strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(strings.TrimSpace(base + path))
			to, err := here.Parse(read)
			if err != nil {
				t.Fatalf("%q cannot be read: %v", path, err)
			}
			if to.Scheme != "https" || to.Host != "trellis.example" || to.User != nil || !strings.HasPrefix(to.Path, base+"/") || strings.HasPrefix(to.Path, "//") {
				t.Errorf("%q leads to %s", path, to)
			}
		}
	})
}

func TestRedirectsStayHere(t *testing.T) {
	s := newSite(t, false)
	for _, tt := range []struct{ door, next, want string }{
		{"", "/courses?a=b", "/courses?a=b"}, {"/t/other", "/courses", "/t/other/courses"}, {"/t/other", "//evil.example", "/t/other/"},
		{"", "https://evil.example", "/"}, {"", "/\\evil.example", "/"}, {"/t/other", "/../demo/mine", "/t/other/"}, {"", "/a\r\nSet-Cookie: a=b", "/"},
		{"", "", "/"},
	} {
		res, _ := call(t, s.Server, "GET", tt.door+"/to?next="+url.QueryEscape(tt.next), "")
		if got := res.Header.Get("Location"); res.StatusCode != 303 || got != tt.want || res.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s%s: %d to %q, want %q", tt.door, tt.next, res.StatusCode, got, tt.want)
		}
	}
}

// TestForgedForms posts what other sites, old pages and strangers could.
func TestForgedForms(t *testing.T) {
	s := newSite(t, false)
	secure := newSite(t, true)
	const mine, theirs, before, another = "trellis=demo-learner", "trellis=demo-staff", "trellis-before=0123456789abcdef", "trellis-before=fedcba9876543210"
	ours := func(cookies string) string { return "a=1&csrf=" + s.csrf(t, cookies) }
	const parted = "multipart/form-data; boundary=x"
	part := func(name, value string) string {
		return "--x\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
	}
	file := "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\nbytes\r\n"
	for _, tt := range []struct {
		name, method, path, cookies, typ, body string
		headers                                []string
		status                                 int
	}{
		{"as it should be", "POST", "/mine", mine, urlencoded, ours(mine), nil, 200},
		{"as browsers say", "POST", "/mine", mine, urlencoded, ours(mine), []string{"Origin", "http://trellis.example", "Sec-Fetch-Site", "same-origin"}, 200},
		{"by TLS before a proxy", "POST", "/mine", mine, urlencoded, ours(mine), []string{"Origin", "https://trellis.example"}, 200},
		{"before signing in", "POST", "/open", before, urlencoded, ours(before), nil, 200},
		{"in parts", "POST", "/mine", mine, parted, part("csrf", s.csrf(t, mine)) + part("a", "1") + "--x--\r\n", nil, 200},
		{"by a tool with its token", "POST", "/mine", "", urlencoded, "a=1", []string{"Authorization", "Bearer demo-learner"}, 200},
		{"in parts, with a file", "POST", "/upload", mine, parted, part("csrf", s.csrf(t, mine)) + file + "--x--\r\n", nil, 200},

		{"no token", "POST", "/mine", mine, urlencoded, "a=1", nil, 403},
		{"an empty one", "POST", "/mine", mine, urlencoded, "a=1&csrf=", nil, 403},
		{"a made-up one", "POST", "/mine", mine, urlencoded, "csrf=" + strings.Repeat("A", 48), nil, 403},
		{"that of another session", "POST", "/mine", mine, urlencoded, ours(theirs), nil, 403},
		{"that from before signing in", "POST", "/mine", mine + "; " + before, urlencoded, ours(before), nil, 403},
		{"that of another browser", "POST", "/open", before, urlencoded, ours(another), nil, 403},
		{"before signing in, without a cookie", "POST", "/open", "", urlencoded, ours(before), nil, 403},
		{"with a cookie too short to be ours", "POST", "/open", "trellis-before=a", urlencoded, ours(before), nil, 403},
		{"with two cookies", "POST", "/open", before + "; " + another, urlencoded, ours(before), nil, 403},
		{"two tokens", "POST", "/mine", mine, urlencoded, ours(mine) + "&csrf=x", nil, 403},
		{"the token in the address", "POST", "/mine?csrf=" + s.csrf(t, mine), mine, urlencoded, "a=1", nil, 403},
		{"the token behind the file", "POST", "/upload", mine, parted, file + part("csrf", s.csrf(t, mine)) + "--x--\r\n", nil, 403},
		{"from another site", "POST", "/mine", mine, urlencoded, ours(mine), []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"from a neighbour", "POST", "/mine", mine, urlencoded, ours(mine), []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"from another origin", "POST", "/mine", mine, urlencoded, ours(mine), []string{"Origin", "https://evil.example"}, 403},
		{"from another port", "POST", "/mine", mine, urlencoded, ours(mine), []string{"Origin", "http://trellis.example:8081"}, 403},
		{"from no origin", "POST", "/mine", mine, urlencoded, ours(mine), []string{"Origin", "null"}, 403},
		{"from a name that begins alike", "POST", "/mine", mine, urlencoded, ours(mine), []string{"Origin", "http://trellis.example.evil.example"}, 403},
		{"from a user at our host", "POST", "/mine", mine, urlencoded, ours(mine), []string{"Origin", "http://evil@trellis.example"}, 403},
		{"from the second origin", "POST", "/mine", mine, urlencoded, ours(mine), []string{"Origin", "https://content.example"}, 403},
		{"to sign one in, from another site", "POST", "/in", before, urlencoded, ours(before), []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, 403},
		{"text that looks like a form", "POST", "/mine", mine, "text/plain", ours(mine), nil, 415},
		{"no type", "POST", "/mine", mine, "", ours(mine), nil, 415},
		{"JSON", "POST", "/mine", mine, "application/json", `{"csrf":"x"}`, nil, 415},
		{"two types", "POST", "/mine", mine, "text/plain, " + urlencoded, ours(mine), nil, 415},
		{"another method's name", "POST", "/mine", mine, urlencoded, "_method=DELETE", []string{"X-HTTP-Method-Override", "GET", "X-Method-Override", "GET"}, 403},
		{"by GET", "GET", "/upload?" + ours(mine), mine, "", "", nil, 405},
		{"by HEAD", "HEAD", "/in", mine, "", "", nil, 405},
	} {
		t.Run(tt.name, func(t *testing.T) {
			was := s.done.Load()
			headers := append([]string{}, tt.headers...)
			for i, v := range []string{tt.cookies, tt.typ} {
				if v != "" {
					headers = append(headers, []string{"Cookie", "Content-Type"}[i], v)
				}
			}
			res, body := call(t, s.Server, tt.method, "http://trellis.example"+tt.path, tt.body, headers...)
			if res.StatusCode != tt.status {
				t.Errorf("%d %s, want %d", res.StatusCode, body, tt.status)
			}
			if taken := s.done.Load() != was; taken != (tt.status == 200) {
				t.Errorf("taken: %v", taken)
			}
		})
	}

	cookies := "__Host-" + before
	body := "csrf=" + secure.csrf(t, cookies)
	for origin, want := range map[string]int{"https://trellis.example": 200, "http://trellis.example": 403} { // by TLS, a page that came without is anybody's
		if res, _ := call(t, secure.Server, "POST", "https://trellis.example/open", body, "Cookie", cookies, "Content-Type", urlencoded, "Origin", origin); res.StatusCode != want {
			t.Errorf("from %s: %d, want %d", origin, res.StatusCode, want)
		}
	}
}

func TestFormTokensDiffer(t *testing.T) {
	s := newSite(t, false)
	const mine = "trellis=demo-learner"
	a, b := s.csrf(t, mine), s.csrf(t, mine)
	if a == b || a[24:] == b[24:] {
		t.Errorf("two pages carry the same token: %s %s", a, b)
	}
}
