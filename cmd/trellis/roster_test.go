package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis/internal/pages/pagestest"
)

// TestImportThatRemovesMuch: a dry run says that the import stops and how it does not;
// one that stopped has changed nothing, says the same, and is not begun again.
func TestImportThatRemovesMuch(t *testing.T) {
	s := demo(t)
	for file, status := range map[string]string{"here.zip": "active", "gone.zip": "tobedeleted"} {
		if err := os.WriteFile(filepath.Join(s.dir, file), pagestest.Roster(t, pagestest.RosterRows(20, status, "Ada")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out := s.ok("import", "here.zip", "-dry-run"); !strings.Contains(out, "Nothing was changed. Next: trellis import FILE\n") {
		t.Errorf("a check: %s", out)
	}
	s.ok("import", "here.zip")
	if out := s.ok("import", "gone.zip", "-dry-run"); !strings.Contains(out, "more than 10 of these 20 rows stops before it does anything") || !strings.Contains(out, "Next: trellis import FILE -at-most 20\n") {
		t.Errorf("a check of what removes much: %s", out)
	}
	const why = "it would remove more than 10 of what its 20 rows are about"
	var job struct{ ID, Error string }
	if r := s.json(&job, "import", "gone.zip"); r.status != 1 || !strings.Contains(job.Error, why) || strings.Contains(r.errs, "retry") || !strings.Contains(r.errs, "-at-most ROWS") {
		t.Errorf("it stopped: %+v %+v", job, r)
	}
	s.fails(1, "it would stop again", "jobs", "retry", job.ID)
	if out := s.ok("jobs", "list", "-state", "failed"); !strings.Contains(out, why) {
		t.Errorf("the reason is gone: %s", out)
	}
	if out := s.ok("import", "gone.zip", "-at-most", "20"); !strings.Contains(out, "20 removed") {
		t.Errorf("confirmed: %s", out)
	}
}
