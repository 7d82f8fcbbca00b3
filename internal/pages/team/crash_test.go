package team_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/pages/pagestest"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// TestTeamCrash: where in its source an extension crashed stands on its page, in
// its log and by its trace, for the team of the course.
func TestTeamCrash(t *testing.T) {
	p := teaching(t)
	module, err := os.ReadFile(filepath.Join("..", "..", "..", "runtime", "symbol", "testdata", "crash-c.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	bundle := testkit.Bundle(t, map[string]any{"id": "acme.crash", "version": "1.0.0", "abi": 1, "title": "Crash",
		"filters": []any{map[string]any{"on": pagestest.Enrolling, "call": "deeper"}}}, module)
	b := pagestest.Browse(t, p).SignIn("demo", "sasha", pagestest.Password)
	b.Get(ofLogic).Submit("Upload", pagestest.Fields{"bundle": pagestest.File{Name: "crash.trellis", Data: bundle}})
	b.Submit("Enable", nil).Want(http.StatusOK, "is on")
	if _, err := p.Learning.Enroll(app.System(t.Context(), "demo"), learning.Enroll{Person: pagestest.Account(t, p, "demo", "new"), Course: logic}); err == nil {
		t.Fatal("a filter that crashes lets people through")
	}
	const first, second = "crash.c:28 in deeper", "deeper crash.c:29"
	b.Get(ofLogic+"/acme.crash").Want(http.StatusOK, "trapped: call depth exceeded", first, second)
	link := b.Find("section th a")
	if len(link) != 1 {
		t.Fatalf("%d errors are shown: %s", len(link), b.Text())
	}
	b.Follow(pagestest.TextOf(link[0])).Want(http.StatusOK, first, second)
	b.Get(ofLogic+"/acme.crash/log").Want(http.StatusOK, first, second)
}
