package account_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/internal/pages/pagestest"
)

// FuzzSignInNext: wherever the address says that somebody goes on to who has signed
// in, she stays in the tenant.
func FuzzSignInNext(f *testing.F) {
	for _, seed := range []string{"/courses", "//evil.example", `/\evil.example`, "/%09/evil.example", "/..//evil.example", "https://evil.example", "/t/other/", "/login", "?", "\x00", "/\u2028x"} {
		f.Add(seed)
	}
	s := pagestest.NewSchool(f)
	pagestest.Account(f, s.Platform, "demo", "sam")
	b := pagestest.Browse(f, s.Platform).SignIn("demo", "sam", pagestest.Password)
	f.Fuzz(func(t *testing.T, next string) {
		b := *b
		b.T = t
		b.Get("/login?next=" + url.QueryEscape(next)) // who is signed in goes on at once; a way out fails the test
		if b.Status >= 500 || !strings.HasPrefix(b.At.Path, "/t/demo/") {
			t.Fatalf("status %d at %s: %s", b.Status, b.At, b.Text())
		}
	})
}
