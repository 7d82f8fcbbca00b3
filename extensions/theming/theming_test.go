package theming_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/theming"
	"github.com/trellis-learning/trellis/internal/web"
)

// logos knows one logo, and nobody by a token.
type logos struct{}

func (logos) Logo(_ context.Context, digest string) (string, []byte, error) {
	if digest != "abc" {
		return "", nil, trellis.Errorf(trellis.NotFound, "there is no such logo")
	}
	return "image/png", []byte("picture"), nil
}

func (logos) Authenticate(context.Context, string, string) (trellis.Actor, error) {
	return trellis.Actor{}, trellis.Errorf(trellis.Denied, "nobody")
}
func (logos) TenantOfHost(context.Context, string) (string, bool)       { return "", false }
func (logos) TenantExists(_ context.Context, name string) (bool, error) { return name == "demo", nil }

func ExampleTheming_Sheet() {
	t := theming.New(logos{})
	fmt.Println(strings.HasPrefix(t.Sheet("#0b6277"), "/brand/0b6277-"), t.Sheet("red") == "")
	fmt.Println(t.Logo("abc"))
	// Output:
	// true true
	// /brand/abc
}

func TestBrandFiles(t *testing.T) {
	th := theming.New(logos{})
	s := web.New(web.Config{Authenticator: logos{}, Tenants: logos{}})
	if err := s.Mount(th.Routes()...); err != nil {
		t.Fatal(err)
	}
	sheet := th.Sheet("#ffee00")
	for _, tt := range []struct {
		path, typ string
		status    int
	}{
		{sheet, "text/css; charset=utf-8", 200},
		{"/t/demo" + sheet, "text/css; charset=utf-8", 200},
		{"/brand/abc", "image/png", 200},
		{"/brand/abd", "", 404},
		{"/brand/ffee00.css", "", 404},
		{"/brand/ffee00-00000000.css", "", 404},
		{"/brand/FFEE00" + sheet[len("/brand/ffee00"):], "", 404},
		{"/brand/red-00000000.css", "", 404},
		{"/brand/ffee0g-00000000.css", "", 404},
		{"/brand/", "", 404},
		{"/brand/..%2fabc", "", 404},
		{"/brand/a%00", "", 400},
	} {
		req := httptest.NewRequest("GET", tt.path, nil)
		req.Header.Set("Cookie", "trellis=a")
		res, err := s.App().Test(req, -1)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != tt.status {
			t.Errorf("%s: %d %s (%v), want %d", tt.path, res.StatusCode, body, err, tt.status)
			continue
		}
		if tt.status != http.StatusOK {
			continue
		}
		for name, want := range map[string]string{
			"Content-Type": tt.typ, "Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Cross-Origin-Resource-Policy": "same-origin", "Set-Cookie": "",
		} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", tt.path, name, got, want)
			}
		}
		if strings.HasPrefix(tt.typ, "text/css") && !regexp.MustCompile(`^@media screen \{\n(  [^<>\\]*\n)+\}\n$`).Match(body) {
			t.Errorf("%s: %s", tt.path, body)
		}
	}
}

func FuzzSheet(f *testing.F) {
	th := theming.New(logos{})
	for _, seed := range []string{"#0b6277", "#000000", "#ffffff", "#fff", "red", "#0b6277;}", "#GGGGGG"} {
		f.Add(seed)
	}
	at := regexp.MustCompile(`^/brand/[0-9a-f]{6}-[0-9a-f]{8}\.css$`)
	f.Fuzz(func(t *testing.T, accent string) {
		if got := th.Sheet(accent); got != "" && (!at.MatchString(got) || !strings.HasPrefix(got, "/brand/"+accent[1:])) {
			t.Errorf("%q: %s", accent, got)
		}
	})
}
