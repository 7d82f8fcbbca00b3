package pages_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// TestBrandOnPages: a tenant's pages have its colour and its logo, for those who
// sign in, too; another's do not.
func TestBrandOnPages(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	ctx := p.Tenant(t, "demo")
	p.Tenant(t, "other")
	accent, logo := "#ffee00", "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
	if _, err := p.Learning.Brand(ctx, learning.Brand{Title: "Demo School", Accent: &accent, Logo: &logo}); err != nil {
		t.Fatal(err)
	}
	b := browse(t, p).in("demo").get("/login").want(http.StatusOK, "Demo School")
	var at []string
	for _, n := range b.find("link[rel=stylesheet]") {
		at = append(at, attr(n, "href"))
	}
	if len(at) != 2 || !strings.HasPrefix(at[1], "/brand/ffee00-") {
		t.Fatalf("stylesheets %q", at)
	}
	pictures := b.find("header img")
	if len(pictures) != 1 || attr(pictures[0], "alt") != "" {
		t.Fatalf("%d pictures in the head", len(pictures))
	}
	files := browse(t, p).in("")
	for path, typ := range map[string]string{at[1]: "text/css; charset=utf-8", attr(pictures[0], "src"): "image/png"} {
		if files.get(path); files.status != http.StatusOK || files.header.Get("Content-Type") != typ || len(files.header.Values("Set-Cookie")) > 0 {
			t.Errorf("%s: %d %v", path, files.status, files.header)
		}
	}
	if b.in("other").get("/login"); len(b.find("link[rel=stylesheet]")) != 1 || len(b.find("header img")) != 0 {
		t.Errorf("another tenant's page: %s", b.body)
	}
}
