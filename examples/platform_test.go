package examples_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/jobs"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// install builds an example in Go and enables it with all that it asks for.
func install(t *testing.T, p *testkit.Platform, ctx context.Context, name string) {
	t.Helper()
	installWith(t, p, ctx, name, nil)
}

func installWith(t *testing.T, p *testkit.Platform, ctx context.Context, name string, settings any) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "main.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", out, "./"+name)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, msg)
	}
	module, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(name, "extension.json"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest map[string]any
	if err := json.Unmarshal(raw, &manifest); err != nil {
		t.Fatal(err)
	}
	p.Install(t, ctx, testkit.Bundle(t, manifest, module), "", settings)
}

// TestGoExamples runs the subscriber and the nightly job in Go on a real platform.
func TestGoExamples(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED the examples in Go: -short")
	}
	p := testkit.Start(t, app.Config{})
	ctx := p.Tenant(t, "acme")
	install(t, p, ctx, "welcome")
	install(t, p, ctx, "nightly-report")
	install(t, p, ctx, "enrollment-policy")
	const people, courses = 15, 3
	for c := range courses {
		course := p.Course(t, ctx, fmt.Sprintf("course-v1:A+C%d+1", c))
		for i := range people {
			id, _ := p.Person(t, ctx, fmt.Sprintf("p%d-%d", c, i))
			mode := "audit"
			if i%3 == 0 {
				mode = "verified"
			}
			if _, err := p.Learning.Enroll(ctx, learning.Enroll{Person: id, Course: course, Mode: mode}); err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				if _, err := p.Learning.Unenroll(ctx, learning.Unenroll{Person: id, Course: course}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	_, token := p.Person(t, ctx, "admin", learning.Assign{Role: trellis.RoleTenantAdmin})
	status, body := p.Do(t, token, "POST", "/api/v1/extensions/trellis-demo.nightly-report/run", `{"name":"nightly"}`)
	var job jobs.Job
	if err := json.Unmarshal([]byte(body), &job); err != nil || status != 200 {
		t.Fatalf("run: %d %s", status, body)
	}
	if job, err := p.Jobs.Wait(ctx, job.ID); err != nil || job.State != jobs.Done {
		t.Fatalf("job %s %s, %v", job.State, job.Error, err)
	}
	var report struct {
		Active, Ended int
		Modes         map[string]int
	}
	if err := json.Unmarshal([]byte(note(t, p, ctx, "trellis-demo.nightly-report", "report/latest")), &report); err != nil {
		t.Fatal(err)
	}
	if report.Active != courses*(people-1) || report.Ended != courses || report.Modes["verified"] != courses*4 {
		t.Errorf("report %+v", report)
	}
	testkit.Eventually(t, "every welcome", func() bool {
		return note(t, p, ctx, "trellis-demo.welcome", "welcomed") == fmt.Sprint(people*courses) && len(p.Events(t, ctx, "trellis-demo.welcome.greeted")) == people*courses
	})
}

// note returns what an extension keeps under a key.
func note(t *testing.T, p *testkit.Platform, ctx context.Context, extension, key string) (value string) {
	t.Helper()
	x, err := p.Registry.Get(ctx, extension, extensions.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	err = p.DB.Read(ctx, func(tx *store.Tx) error {
		if tx.QueryRow(ctx, `SELECT value FROM extension_kv WHERE tenant = 'acme' AND installation = ? AND key = ?`, x.Installation, key).Scan(&value) != nil {
			value = ""
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return value
}
