package pages_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// TestTeamCrash: where in its source an extension crashed stands on its page, in
// its log and by its trace, for the team of the course.
func TestTeamCrash(t *testing.T) {
	p := teaching(t)
	module, err := os.ReadFile(filepath.Join("..", "..", "runtime", "symbol", "testdata", "crash-c.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	bundle := testkit.Bundle(t, map[string]any{"id": "acme.crash", "version": "1.0.0", "abi": 1, "title": "Crash",
		"filters": []any{map[string]any{"on": enrolling, "call": "deeper"}}}, module)
	b := browse(t, p).signIn("demo", "sasha", password)
	b.get(ofLogic).submit("Upload", fields{"bundle": file{"crash.trellis", bundle}})
	b.submit("Enable", nil).want(http.StatusOK, "is on")
	if _, err := p.Learning.Enroll(app.System(t.Context(), "demo"), learning.Enroll{Person: account(t, p, "demo", "new"), Course: logic}); err == nil {
		t.Fatal("a filter that crashes lets people through")
	}
	const first, second = "crash.c:28 in deeper", "deeper crash.c:29"
	b.get(ofLogic+"/acme.crash").want(http.StatusOK, "trapped: call depth exceeded", first, second)
	link := b.find("section th a")
	if len(link) != 1 {
		t.Fatalf("%d errors are shown: %s", len(link), b.text())
	}
	b.follow(textOf(link[0])).want(http.StatusOK, first, second)
	b.get(ofLogic+"/acme.crash/log").want(http.StatusOK, first, second)
}
