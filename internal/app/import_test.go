package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trellis-learning/trellis"
	"github.com/trellis-learning/trellis/extensions/integrations"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster"
	"github.com/trellis-learning/trellis/extensions/integrations/oneroster/rostertest"
	"github.com/trellis-learning/trellis/internal/app"
	"github.com/trellis-learning/trellis/internal/blob"
	"github.com/trellis-learning/trellis/internal/jobs"
	"github.com/trellis-learning/trellis/internal/learning"
	"github.com/trellis-learning/trellis/internal/secret"
	"github.com/trellis-learning/trellis/internal/store"
	"github.com/trellis-learning/trellis/internal/testkit"
)

// roster imports an archive over HTTP and returns the job's report.
func roster(t *testing.T, p *testkit.Platform, ctx context.Context, token string, archive io.Reader) oneroster.Report {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", p.URL+"/api/v1/imports/oneroster", archive)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var job jobs.Job
	if err := json.NewDecoder(res.Body).Decode(&job); err != nil || res.StatusCode != 202 {
		t.Fatalf("%d, %v", res.StatusCode, err)
	}
	job, err = p.Jobs.Wait(ctx, job.ID)
	if err != nil || job.State != jobs.Done {
		t.Fatalf("job %+v, %v", job, err)
	}
	var report oneroster.Report
	if err := json.Unmarshal(job.Report, &report); err != nil {
		t.Fatal(err)
	}
	if err := report.Check(); err != nil {
		t.Error(err)
	}
	return report
}

// TestFixtureRosters imports real rosters through the policy in C.
func TestFixtureRosters(t *testing.T) {
	dir := filepath.Join(testkit.Root(t), "..", "shared", "fixtures", "oneroster")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("SKIPPED the real rosters: ../shared/fixtures is absent")
	}
	p := testkit.Start(t, app.Config{})
	if _, err := p.SeedDemo(t.Context(), app.Demo{}); err != nil {
		t.Fatal(err)
	}
	ctx := app.System(t.Context(), app.DemoTenant)
	registrar, token := p.Person(t, ctx, "registrar", learning.Assign{Role: trellis.RoleTenantAdmin})
	// In the demo the registrar is not there: the roster's people come right after her here.
	blocked := fmt.Sprintf(`{"blocked_numbers":[%d]}`, number(t, p, ctx, registrar)+4)
	if _, err := p.Registry.Set(ctx, "trellis-demo.enrollment-policy-c", "", json.RawMessage(blocked)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		file                   string
		rows, created, refused int
	}{{"Test_full_data_set.zip", 20, 9, 1}, {"oneroster_test_data.zip", 9, 3, 0}} {
		raw, err := os.ReadFile(filepath.Join(dir, tt.file))
		if err != nil {
			t.Fatal(err)
		}
		r := roster(t, p, ctx, token, bytes.NewReader(raw))
		if got := r.Total(); got.Rows != tt.rows || got.Created != tt.created || got.Refused != tt.refused || got.Invalid != 0 {
			t.Errorf("%s: %+v", tt.file, got)
		}
		for _, x := range r.Refused {
			if x.Message != "You may not enrol at present." || x.Extension != "trellis-demo.enrollment-policy-c" {
				t.Errorf("refused %+v", x)
			}
		}
		again := roster(t, p, ctx, token, bytes.NewReader(raw))
		if got := again.Total(); got.Created+got.Changed+got.Removed != 0 || got.Refused != tt.refused {
			t.Errorf("%s once more: %+v", tt.file, got)
		}
	}
	status, zip := p.Do(t, token, "GET", "/api/v1/exports/oneroster", "")
	if status != 200 {
		t.Fatalf("export: %d", status)
	}
	third := roster(t, p, ctx, token, strings.NewReader(zip))
	if got := third.Total(); got.Created+got.Changed+got.Removed+got.Invalid+got.Refused != 0 {
		t.Errorf("what was exported and imported again: %+v", got)
	}
	created := p.Events(t, ctx, enrollment+"created.v1")
	testkit.Eventually(t, "a welcome for each", func() bool { return len(p.Events(t, ctx, "trellis-demo.welcome-c.greeted")) == len(created) })
}

// TestImportOverHTTP uploads a district through the policy in C, and looks at the job
// as somebody does who uploaded it. Others do not see it, and may not upload.
func TestImportOverHTTP(t *testing.T) {
	p := testkit.Start(t, app.Config{})
	ctx := p.Tenant(t, "acme")
	_, token := p.Person(t, ctx, "registrar", learning.Assign{Role: trellis.RoleTenantAdmin})
	_, other := p.Person(t, ctx, "learner")
	p.Install(t, ctx, policy(t, "acme.policy"), "", map[string]any{"closed_courses": []string{"course-v1:S-0+CLOSED*"}, "message": "Closed."})
	var zip bytes.Buffer
	ledger, err := rostertest.Generate(&zip, rostertest.Config{Seed: 5, Rows: 600, Refused: 20, Faults: 12})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		token, query string
		want         int
	}{{other, "", 403}, {token, "?lenient=true", 400}, {token, "?strict=perhaps", 400}, {token, "?title=a%1bb", 400}} {
		if status, body := p.Do(t, tt.token, "POST", "/api/v1/imports/oneroster"+tt.query, zip.String()); status != tt.want {
			t.Errorf("%s: %d %s, want %d", tt.query, status, body, tt.want)
		}
	}
	report := roster(t, p, ctx, token, bytes.NewReader(zip.Bytes()))
	if diff := rostertest.Compare(report, ledger.First); diff != "" {
		t.Error(diff)
	}
	for _, x := range report.Refused {
		if x.Message != "Closed." || x.Extension != "acme.policy" || x.Filter != learning.EnrollmentStarted.Name() || x.File != "enrollments.csv" {
			t.Errorf("refused %+v", x)
		}
	}
	var job jobs.Job
	status, body := p.Do(t, token, "GET", "/api/v1/jobs/"+report.Job, "")
	if err := json.Unmarshal([]byte(body), &job); err != nil || status != 200 || job.Progress.Done != int64(report.Rows) || job.Progress.Total != job.Progress.Done {
		t.Errorf("%d, progress %+v of %d rows (%v)", status, job.Progress, report.Rows, err)
	}
	if status, _ := p.Do(t, other, "GET", "/api/v1/jobs/"+report.Job, ""); status != 403 && status != 404 {
		t.Errorf("a learner sees the job: %d", status)
	}
}

// districtPolicy refuses what the generator's ledger says is refused.
type districtPolicy struct{}

func (districtPolicy) Filter(_ context.Context, q trellis.Question) ([]byte, error) {
	no := &trellis.Refusal{Extension: "test.policy", Filter: q.Type, Code: "no", Message: "No."}
	switch q.Type {
	case learning.RegistrationRequested.Name():
		if bytes.Contains(q.Data, []byte("@refused.example")) {
			return nil, no
		}
	case learning.EnrollmentStarted.Name():
		if key, err := trellis.ParseCourseKey(q.Course); err == nil && strings.HasPrefix(key.Code, "CLOSED") {
			return nil, no
		}
	}
	return q.Data, nil
}

// core is the core with imports, and a policy in Go.
func core(t testing.TB, filters trellis.Filters) (*integrations.Integrations, *jobs.Jobs, *store.DB) {
	t.Helper()
	dir := t.TempDir()
	db, err := store.Open(t.Context(), store.Config{Path: filepath.Join(dir, "trellis.db")})
	if err != nil {
		t.Fatal(err)
	}
	l, err1 := learning.New(t.Context(), learning.Config{DB: db, Filters: filters})
	js, err2 := jobs.New(t.Context(), jobs.Config{DB: db, Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	blobs, err3 := blob.Open(filepath.Join(dir, "blobs"))
	key, err4 := secret.Open(filepath.Join(dir, "key"))
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	in, err := integrations.New(t.Context(), integrations.Config{Learning: l, Jobs: js, DB: db, Blobs: blobs, Key: key, TempDir: filepath.Join(dir, "tmp")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- js.Run(ctx, in.Kinds()) }()
	go func() { done <- in.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, <-done, db.Close()); err != nil {
			t.Error(err)
		}
	})
	if _, err := l.PutTenant(app.System(t.Context(), trellis.PlatformTenant), learning.PutTenant{Name: "acme", Title: "Acme"}); err != nil {
		t.Fatal(err)
	}
	return in, js, db
}

// TestDistrict: an import reports what the generator says that it must.
func TestDistrict(t *testing.T) {
	in, js, _ := core(t, districtPolicy{})
	ctx := app.System(t.Context(), "acme")
	for _, delta := range []bool{false, true} {
		for _, again := range []bool{false, true} {
			var zip bytes.Buffer
			ledger, err := rostertest.Generate(&zip, rostertest.Config{Seed: 7, Schools: 3, Rows: 5000, Refused: 200, RefusedPeople: 20, Faults: 70, Deletions: 60, Delta: delta})
			if err != nil {
				t.Fatal(err)
			}
			job, err := in.Upload(ctx, "oneroster", &zip, nil)
			if err != nil {
				t.Fatal(err)
			}
			if job, err = js.Wait(ctx, job.ID); err != nil || job.State != jobs.Done {
				t.Fatalf("job %s %s, %v", job.State, job.Error, err)
			}
			var got oneroster.Report
			if err := json.Unmarshal(job.Report, &got); err != nil {
				t.Fatal(err)
			}
			want := ledger.First
			if again {
				want = ledger.Again
			}
			if diff := rostertest.Compare(got, want); diff != "" {
				t.Errorf("delta %v, again %v: %s", delta, again, diff)
			}
			t.Logf("delta %v, again %v: %s", delta, again, got)
		}
	}
}

// number returns the number of a person.
func number(t *testing.T, p *testkit.Platform, ctx context.Context, person string) int64 {
	t.Helper()
	who, err := p.Learning.Person(ctx, person)
	if err != nil {
		t.Fatal(err)
	}
	return who.Number
}
