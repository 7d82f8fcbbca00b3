package pages_test

import (
	"net/url"
	"strings"
	"testing"
)

// FuzzSignInNext: wherever the address says that somebody goes on to who has signed
// in, she stays in the tenant.
func FuzzSignInNext(f *testing.F) {
	for _, seed := range []string{"/courses", "//evil.example", `/\evil.example`, "/%09/evil.example", "/..//evil.example", "https://evil.example", "/t/other/", "/login", "?", "\x00", "/\u2028x"} {
		f.Add(seed)
	}
	s := newSchool(f)
	account(f, s.Platform, "demo", "sam")
	b := browse(f, s.Platform).signIn("demo", "sam", password)
	f.Fuzz(func(t *testing.T, next string) {
		b := *b
		b.t = t
		b.get("/login?next=" + url.QueryEscape(next)) // who is signed in goes on at once; a way out fails the test
		if b.status >= 500 || !strings.HasPrefix(b.at.Path, "/t/demo/") {
			t.Fatalf("status %d at %s: %s", b.status, b.at, b.text())
		}
	})
}
