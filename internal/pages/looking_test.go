package pages_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/hostapi"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/pagestest"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// TestLooking opens every page that can be looked at, as those who may see most,
// whole, by its head and as if by another method: nothing happens by that.
func TestLooking(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	ctx := p.Tenant(t, "demo")
	course := p.Course(t, ctx, "course-v1:D+One+1")
	pagestest.Account(t, p, "demo", "ada", learning.Assign{Role: trellis.RoleTenantAdmin})
	pagestest.Account(t, p, trellis.PlatformTenant, "olivia", learning.Assign{Role: trellis.RoleOperator})
	for _, who := range []string{"ada", "olivia"} {
		b := pagestest.Browse(t, p).SignIn("demo", who, pagestest.Password)
		before, opened := happened(t, p, ctx), 0
		for _, r := range p.Web.Routes() {
			if !r.Page || r.Method != http.MethodGet || r.Stream {
				continue
			}
			path := strings.NewReplacer(":course", url.PathEscape(course)).Replace(r.Path)
			for _, method := range []string{"GET", "HEAD"} {
				b.Send(method, b.Resolve(path), "", nil, "X-HTTP-Method-Override", "POST")
				if b.Status >= 500 {
					t.Errorf("%s %s: %d", method, path, b.Status)
				}
				opened++
			}
		}
		if got := happened(t, p, ctx); got != before || opened < 8 {
			t.Errorf("%s has looked at %d pages, and something happened: %s, before that %s", who, opened, got, before)
		}
	}
}

// happened says how far the log and the audit log are.
func happened(t testing.TB, p *testkit.Platform, ctx context.Context) string {
	t.Helper()
	audit, err := p.API.Serve(ctx, hostapi.HTTPDoor, "audit.list", []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(p.DB.Log().Head(), " ", string(audit))
}
