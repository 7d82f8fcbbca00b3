package pages_test

import (
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/pagestest"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// walkTeam are the steps through the pages of course teams: an extension of the
// course is on, in its second version, and a third one waits for consent.
func walkTeam() []step {
	const (
		see   = "login 403 403 200 200 200 404"
		do    = "login 403 403 done done done 404"
		never = "login 403 403 403 403 403 404"
	)
	of := func(rest string) func(*world) string { return inCourse("/extensions/acme.late" + rest) }
	bundle := func(*world) (string, []byte) { return "bundle", []byte("no zip") }
	return []step{
		{route: "team.extensions", path: inCourse("/extensions"), ready: lateThere, want: see},
		{route: "team.extensions.act", path: inCourse("/extensions"), form: sent("_hook", "forged"), ready: lateThere, want: never},
		{route: "extension.courses.upload", path: inCourse("/extensions/upload"), want: see},
		{route: "extension.courses.upload.post", path: inCourse("/extensions/upload"), form: sent(), file: bundle, want: "login 403 403 400 400 400 404"},
		{route: "extension.courses.one", path: of(""), ready: lateThere, want: see},
		{route: "extension.courses.review", path: of("/review"), ready: lateThere, want: see},
		{route: "extension.courses.settings", path: of("/settings"), ready: lateThere, want: see},
		{route: "extension.courses.rollback", path: of("/rollback"), ready: lateThere, want: see},
		{route: "extension.courses.uninstall", path: of("/uninstall"), ready: lateThere, want: see},
		{route: "extension.courses.log", path: of("/log"), ready: lateThere, want: see},
		{route: "extension.courses.trace", path: func(w *world) string { return of("/errors/" + w.held["trace"])(w) }, ready: lateThere, want: see},

		{route: "extension.courses.enable", path: of("/enable"), form: sent("version", "1.0.1", "grant", "kv", "s.0", "3"), ready: lateAnew, want: do},
		{route: "extension.courses.settings.post", path: of("/settings"), form: sent("s.0", "4"), ready: lateAnew, want: do},
		{route: "extension.courses.secrets", path: of("/secrets"), form: sent("name", "key", "value", "hush"), ready: lateAnew, want: do},
		{route: "extension.courses.retry", path: of("/retry"), form: sent(), ready: lateAnew, want: do},
		{route: "extension.courses.off", path: of("/off"), form: sent(), ready: lateAnew, want: do},
		{route: "extension.courses.on", path: of("/on"), form: sent(), ready: lateAnew, want: do},
		{route: "extension.courses.consent", path: of("/consent"), form: sent("version", "2.0.0", "grant", "kv"), ready: lateAnew, want: do},
		{route: "extension.courses.rollback.post", path: of("/rollback"), form: sent("from", "1.0.1"), ready: lateAnew, want: do},
		{route: "extension.courses.uninstall.post", path: of("/uninstall"), form: sent(), ready: lateAnew, want: do},
	}
}

// lateThere brings the extension about, if it is not there.
func lateThere(t *testing.T, w *world) {
	t.Helper()
	if w.held["trace"] == "" {
		lateAnew(t, w)
	}
}

// lateAnew brings the extension about as the walk expects it, and lets it say
// something in a request.
func lateAnew(t *testing.T, w *world) {
	t.Helper()
	at := extensions.Scope{Course: w.course}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Registry.Uninstall(w.Ctx, "acme.late", at); err != nil && trellis.KindOf(err) != trellis.NotFound {
		t.Fatal(err)
	}
	says := map[string]func(*testkit.Code){"check": func(c *testkit.Code) { c.Log("asked"); c.Answer("{}") }}
	secrets := []any{map[string]any{"name": "key", "title": "Key"}}
	for _, version := range []string{"1.0.0", "1.0.1", "2.0.0"} {
		change := map[string]any{"secrets": secrets}
		if version == "2.0.0" {
			change["permissions"] = []string{"kv", "users:read", "courses:read"}
		}
		_, err := w.Registry.Install(w.Ctx, pagestest.Late(t, version, change, says).Data, at)
		must(err)
		if version == "1.0.0" {
			_, err = w.Registry.Enable(w.Ctx, extensions.Enable{ID: "acme.late", Course: w.course, Grants: []string{"*"}})
			must(err)
		}
	}
	ctx := app.System(t.Context(), "demo")
	w.held["trace"] = trellis.TraceFrom(ctx).ID
	mode := "honor"
	if w.held["mode"] == mode {
		mode = "audit"
	}
	w.held["mode"] = mode
	_, err := w.Learning.Enroll(ctx, learning.Enroll{Person: w.ids["bob"], Course: w.course, Mode: mode})
	must(err)
	if lines, err := w.Registry.Logs(w.Ctx, extensions.LogQuery{ID: "acme.late", Course: w.course, Trace: w.held["trace"]}); err != nil || len(lines.Items) != 1 {
		t.Fatalf("it said %+v (%v)", lines.Items, err)
	}
}
