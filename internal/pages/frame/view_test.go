package frame_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/pagestest"
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
	b := pagestest.Browse(t, p).In("demo").Get("/login").Want(http.StatusOK, "Demo School")
	var at []string
	for _, n := range b.Find("link[rel=stylesheet]") {
		at = append(at, pagestest.Attr(n, "href"))
	}
	if len(at) != 2 || !strings.HasPrefix(at[1], "/brand/ffee00-") {
		t.Fatalf("stylesheets %q", at)
	}
	pictures := b.Find("header img")
	if len(pictures) != 1 || pagestest.Attr(pictures[0], "alt") != "" {
		t.Fatalf("%d pictures in the head", len(pictures))
	}
	files := pagestest.Browse(t, p).In("")
	for path, typ := range map[string]string{at[1]: "text/css; charset=utf-8", pagestest.Attr(pictures[0], "src"): "image/png"} {
		if files.Get(path); files.Status != http.StatusOK || files.Header.Get("Content-Type") != typ || len(files.Header.Values("Set-Cookie")) > 0 {
			t.Errorf("%s: %d %v", path, files.Status, files.Header)
		}
	}
	if b.In("other").Get("/login"); len(b.Find("link[rel=stylesheet]")) != 1 || len(b.Find("header img")) != 0 {
		t.Errorf("another tenant's page: %s", b.Body)
	}
}
