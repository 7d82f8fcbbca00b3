package pages_test

import (
	"net/url"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/internal/learning"
)

// walkLearner are the steps through the pages of signing in, of courses and of
// one's account.
func walkLearner() []step {
	course := func(pairs ...string) func(*world) url.Values {
		return func(w *world) url.Values {
			v := sent(pairs...)(w)
			v.Set("course", w.course)
			return v
		}
	}
	settings := sent("title", "Another", "pacing", "self", "open_modes", "audit")
	return []step{
		//                                                                        nobody learner other team admin operator stranger
		{route: "home", path: at("/"), want: "done done done done done done done"},
		{route: "login", path: at("/login"), want: "200 done done done done done 200"},
		{route: "login.post", path: at("/login"), form: sent("username", "learner", "password", "wrong horse"), want: "401 401 401 401 401 401 403"},

		{route: "register", path: at("/register"), want: "404 404 404 404 404 404 404"}, // the school is not open
		{route: "register.post", path: at("/register"), form: sent("username", "walker", "password", "correct horse"), want: "404 404 404 404 404 404 403"},

		{route: "courses", path: at("/courses"), want: "login 200 200 200 200 200 404"},
		{route: "courses.act", path: at("/courses"), form: course("do", "join", "mode", "audit"), ready: nobodyJoined, want: "login done done done done 404 404"},
		{route: "courses.act", path: at("/courses"), form: course("do", "leave"), ready: everybodyJoined, want: "login done done done done 404 404"},
		{route: "course", path: inCourse(""), want: "login 200 200 200 200 200 404"},
		{route: "course.act", path: inCourse(""), form: sent("do", "join", "mode", "audit"), ready: nobodyJoined, want: "login done done done done 404 404"},
		{route: "course.act", path: inCourse(""), form: sent("do", "leave"), ready: everybodyJoined, want: "login done done done done 404 404"},
		{route: "course.act", path: inCourse(""), form: sent("_hook", "forged"), want: "login 403 403 403 403 403 404"},

		{route: "course.people", path: inCourse("/people"), want: "login 404 404 200 200 200 404"},
		{route: "course.people.act", path: inCourse("/people"), form: sent("do", "enrol", "username", "bob", "mode", "audit"), ready: bobLeft, want: "login 403 403 done done done 404"},
		{route: "course.people.act", path: inCourse("/people"), form: bobIs("do", "enrol"), ready: bobLeft, want: "login 404 404 done done done 404"},
		{route: "course.people.act", path: inCourse("/people"), form: bobIs("do", "unenrol"), ready: bobJoined, want: "login 404 404 done done done 404"},
		{route: "course.settings", path: inCourse("/settings"), want: "login 403 403 200 200 200 404"},
		{route: "course.settings.post", path: inCourse("/settings"), form: settings, ready: oldTitle, want: "login 403 403 done done done 404"},
		{route: "course.new", path: at("/courses/new"), want: "login 403 403 403 200 200 404"},
		{route: "course.new.post", path: at("/courses/new"), form: newCourse, ready: freshRun, want: "login 403 403 403 done done 404"},

		{route: "account", path: at("/account"), want: "login 200 200 200 200 200 404"},
		{route: "account.act", path: at("/account"), form: sent("_hook", "forged"), want: "login 403 403 403 403 403 404"},
		{route: "account.password", path: at("/account/password"), want: "login 200 200 200 200 200 404"},
		{route: "account.password.post", path: at("/account/password"), form: sent("current", "wrong horse", "password", "battery staple"), want: "login 403 403 403 403 403 404"},
		{route: "account.tokens", path: at("/account/tokens"), want: "login 200 200 200 200 200 404"},
		{route: "account.tokens.new", path: at("/account/tokens/new"), want: "login 200 200 200 200 200 404"},
		{route: "account.tokens.new.post", path: at("/account/tokens/new"), form: sent("id", "x", "name", "walk", "days", "7", "rights", "all"), want: "login 200 200 200 200 400 404"},
		{route: "account.tokens.end", path: endToken, want: "login 200 404 404 404 404 404"},
		{route: "account.tokens.end.post", path: endToken, form: sent(), ready: freshToken, want: "login done 404 404 404 404 404"},

		// Last, for they end the sessions of those who walk.
		{route: "account.sessions.end", path: at("/account/sessions"), form: sent(), ready: signedInAgain, want: "login done done done done done 404"},
		{route: "logout", path: at("/logout"), form: sent(), ready: signedInAgain, want: "done done done done done done 403"},
	}
}

func endToken(w *world) string { return "/account/tokens/" + w.token + "/end" }

// members puts somebody into the course, or out of it.
func (w *world) members(t *testing.T, in bool, names ...string) {
	t.Helper()
	for _, name := range names {
		var err error
		if in {
			_, err = w.Learning.Enroll(w.Ctx, learning.Enroll{Person: w.ids[name], Course: w.course})
		} else if _, err = w.Learning.Unenroll(w.Ctx, learning.Unenroll{Person: w.ids[name], Course: w.course}); trellis.KindOf(err) == trellis.NotFound {
			err = nil
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func nobodyJoined(t *testing.T, w *world) { w.members(t, false, "learner", "other", "team", "admin") }

func everybodyJoined(t *testing.T, w *world) { w.members(t, true, "learner", "other", "team", "admin") }

func bobJoined(t *testing.T, w *world) { w.members(t, true, "bob") }

func bobLeft(t *testing.T, w *world) { w.members(t, false, "bob") }

func bobIs(pairs ...string) func(*world) url.Values {
	return func(w *world) url.Values {
		v := sent(pairs...)(w)
		v.Set("person", w.ids["bob"])
		return v
	}
}

func oldTitle(t *testing.T, w *world) {
	t.Helper()
	if _, err := w.Learning.UpdateCourse(w.Ctx, learning.UpdateCourse{Key: w.course, Title: new("Logic"), Pacing: new("instructor")}); err != nil {
		t.Fatal(err)
	}
}

func freshRun(_ *testing.T, w *world) { w.held["run"] = trellis.NewTraceID()[:8] }

func newCourse(w *world) url.Values {
	return url.Values{"organisation": {"Demo"}, "code": {"New"}, "run": {w.held["run"]}, "title": {"New"}, "pacing": {"self"}}
}

func freshToken(t *testing.T, w *world) {
	t.Helper()
	token, err := w.Learning.CreateToken(w.Ctx, learning.CreateToken{Person: w.ids["learner"], Name: "hers"})
	if err != nil {
		t.Fatal(err)
	}
	w.token = token.ID
}

func signedInAgain(t *testing.T, w *world) {
	t.Helper()
	for _, name := range walkers {
		w.signIn(t, name)
	}
}
