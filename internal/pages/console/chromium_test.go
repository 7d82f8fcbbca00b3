//go:build browser

package console_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	chromium "github.com/trellis-learning/trellis/internal/browser"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/pagestest"
	"github.com/trellis-learning/trellis/internal/store"
)

// TestConsoleInChromium looks at every page of the console with something on it:
// axe finds nothing, and nothing scrolls sideways at 320 px. With TRELLIS_SHOTS it
// leaves pictures there.
func TestConsoleInChromium(t *testing.T) {
	s := openBureau(t)
	pagestest.Account(t, s.Platform, trellis.PlatformTenant, "op", learning.Assign{Role: trellis.RoleOperator})
	s.hears()
	s.Install(t, s.ctx, s.bundle("acme.door", hostileTitle(s), "{}", "users:read"), "", nil)
	_, err := s.Registry.Install(s.asStaff(), s.bundle("tea.poll", "Poll of the week", "{}", "kv", "pii:name"), extensions.Scope{Course: logicOne})
	s.must(err)
	_, err = s.Registry.Enable(s.asStaff(), extensions.Enable{ID: "tea.poll", Course: logicOne, Grants: []string{"*"}})
	s.must(err)
	for i := range 12 {
		p, err := s.Learning.Register(s.ctx, learning.Register{Username: fmt.Sprint("learner", i), Name: "Lena Learner"})
		s.must(err)
		_, err = s.Learning.Enroll(s.ctx, learning.Enroll{Person: p.ID, Course: logicOne, Mode: "audit"})
		s.must(err)
	}
	letter := s.deadLetter("lost")
	s.resends(2)
	bad := pagestest.RosterRows(3, "active", "Ada")
	job, err := s.Imports.Upload(s.ctx, "oneroster", strings.NewReader(string(pagestest.Roster(t, bad+bad))), []byte(`{"dry_run":true,"title":"Spring"}`))
	s.must(err)
	_, err = s.Jobs.Wait(s.ctx, job.ID)
	s.must(err)
	event := s.Events(t, s.ctx, enrolledType)[0]

	tab := chromium.Open(t)
	tab.Go(s.URL + "/t/demo/login")
	tab.Type("#field-username", "op")
	tab.Type("#field-password", pagestest.Password)
	tab.Leave(func() { tab.Press("Enter") })
	for _, path := range []string{"/console", "/console/extensions", "/console/extensions/acme.door", "/console/extensions/acme.door/stop", "/console/approvals", "/console/self-service", "/console/keys",
		"/console/people", "/console/people/new", "/console/people/" + s.teacher, "/console/people/" + s.teacher + "/erase", "/console/tokens", "/console/tokens/new", "/console/tenants", "/console/tenants/demo", "/console/brand", "/console/courses",
		"/console/import", "/console/jobs", "/console/jobs/" + job.ID, "/console/events", "/console/events/" + event.ID, "/console/traces/" + event.Trace, "/console/deliveries", "/console/deliveries/" + letter.ID, "/console/audit"} {
		t.Run(path, func(t *testing.T) {
			tab := tab.In(t)
			shot := func(name string) {
				if dir := os.Getenv("TRELLIS_SHOTS"); dir != "" {
					tab.Screenshot(filepath.Join(dir, strings.ReplaceAll(strings.Trim(path, "/"), "/", "-")+name+".png"))
				}
			}
			tab.Viewport(1280, 900)
			for name, look := range chromium.Looks() {
				tab.Look(look)
				tab.Go(s.URL + "/t/demo" + path)
				chromium.Axe(t, tab)
				shot("-" + name)
			}
			tab.Look(chromium.Look{})
			if path == "/console/deliveries" { // whose cards have buttons of one kind
				tab.Go(s.URL + "/t/demo" + path)
				chromium.CheckAll(t, tab)
			}
			tab.Viewport(320, 800)
			chromium.Sideways(t, tab)
			shot("-narrow")
		})
	}
}

// resends lets batches be sent again in an hour.
func (s *bureau) resends(many int) {
	s.t.Helper()
	for i := range many {
		row := s.deadLetter(fmt.Sprint("resent", i))
		s.must(s.DB.Write(s.ctx, store.ChangeFunc(func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE deliveries SET state = 'failing', attempts = 0, resent = ?, next_at = ? WHERE tenant = 'demo' AND id = ?`,
				fmt.Sprint("batch", i), store.Micros(time.Now().Add(time.Hour)), row.ID)
			return err
		})))
	}
}
